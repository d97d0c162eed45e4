"""Changes to a broker that speaks Kafka's protocol: each stream is a topic, the identity's id the key, so that an identity's records keep to one
partition and to their order."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidTopicError, KafkaError, TopicAuthorizationFailedError

from cognomen.delivery.sync.record import StreamRecord
from cognomen.delivery.sync.sink import NotSent, Stream, StreamGone

_SECONDS = 10


class Broker(msgspec.Struct, frozen=True):
    """`servers` as host:port with commas between them; `ca_file` holds the authorities that sign their certificates, empty for the system's."""

    servers: str
    tls: bool = False
    ca_file: str = ""
    user: str = ""
    password: str = ""


class Kafka:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._tls = ssl.create_default_context(cafile=broker.ca_file or None) if broker.tls else None
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def send(self, stream: Stream, records: Sequence[StreamRecord]) -> Sequence[StreamRecord]:
        """A topic that is not there is made where the broker makes topics; else records wait for it."""
        try:
            async with asyncio.timeout(_SECONDS):
                producer = await self._started()
                sent = [await producer.send(stream.name, each.data, key=each.identity_id.encode()) for each in records]
                answers = await asyncio.gather(*sent, return_exceptions=True)
        except (TopicAuthorizationFailedError, InvalidTopicError) as error:
            raise StreamGone(f"the broker refuses the topic: {type(error).__name__}") from error
        except (KafkaError, OSError, TimeoutError) as error:
            await self.close()
            raise NotSent(f"the broker does not take records: {type(error).__name__}") from error
        failed = [answer for answer in answers if isinstance(answer, BaseException)]
        if failed:
            # What came before a failure has arrived; a producer that failed numbers its records anew.
            await self.close()
            if len(failed) == len(answers):
                gone = isinstance(failed[0], TopicAuthorizationFailedError | InvalidTopicError)
                raise (StreamGone if gone else NotSent)(f"the broker took no record: {type(failed[0]).__name__}") from failed[0]
        held: set[str] = set()
        arrived = []
        for each, answer in zip(records, answers, strict=True):
            if isinstance(answer, BaseException):
                held.add(each.identity_id)
            elif each.identity_id not in held:
                arrived.append(each)
        return arrived

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                async with asyncio.timeout(_SECONDS / 2):
                    await producer.stop()
            except (KafkaError, OSError, TimeoutError):
                pass  # what it had not sent stays in the database

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                broker = self._broker
                protocol = ("SASL_" if broker.user else "") + ("SSL" if broker.tls else "PLAINTEXT")
                producer = AIOKafkaProducer(
                    bootstrap_servers=broker.servers,
                    client_id="cognomen",
                    acks="all",  # one batch of a partition is under way at a time: none passes another
                    request_timeout_ms=_SECONDS * 500,
                    security_protocol=protocol,
                    ssl_context=self._tls,
                    sasl_mechanism="SCRAM-SHA-256" if broker.user else "PLAIN",
                    sasl_plain_username=broker.user or None,
                    sasl_plain_password=broker.password or None,
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

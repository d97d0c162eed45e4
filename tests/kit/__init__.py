"""What tests share: a server in this process, spoken to through its wire."""

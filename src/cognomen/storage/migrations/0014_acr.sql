-- How strongly the user signed in: the claims acr and amr as JSON, where the sign-in asked for them. A refresh keeps them.
ALTER TABLE sessions ADD COLUMN acr TEXT;

DROP TABLE mail_tokens;

DROP TABLE messages;
DROP TABLE webhook_watches;
DROP TABLE webhooks;

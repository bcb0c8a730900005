DROP TABLE kept_promises;
DROP TABLE also_pending;

DROP TABLE audit_records;
DROP TABLE audit_chains;
DROP TABLE audit_unsealed;

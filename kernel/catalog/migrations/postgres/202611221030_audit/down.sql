DROP TABLE audit_records;
DROP FUNCTION audit_records_are_kept();
DROP TABLE audit_chains;
DROP TABLE audit_unsealed;

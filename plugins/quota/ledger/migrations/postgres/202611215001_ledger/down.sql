DROP TABLE ledger_reservations;
DROP TABLE ledger_repositories;
DROP TABLE ledger_accounts;

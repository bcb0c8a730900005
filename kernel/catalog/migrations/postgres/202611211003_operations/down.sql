DROP TABLE events;
DROP TABLE operation_reservations;
DROP TABLE operations;

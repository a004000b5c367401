-- What became of a server's notices is counted for `/status`, however many there are.
CREATE INDEX outbox_by_state ON outbox (destination_id, state);

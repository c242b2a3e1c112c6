-- What registrations of objects in Pithos need: sums of 64 digits, and names of 256 characters. Glance
-- writes shorter ones, and reads these.
ALTER TABLE images
    ALTER COLUMN name TYPE VARCHAR(256),
    ALTER COLUMN checksum TYPE VARCHAR(64);

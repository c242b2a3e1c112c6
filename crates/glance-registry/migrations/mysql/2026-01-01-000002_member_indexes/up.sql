-- Who shares images with a tenant. Perhaps they are there: see list_indexes.
SET @change = (
    SELECT IF(COUNT(*) > 0, 'DO 0', 'ALTER TABLE image_members ADD INDEX ix_list_members (member, deleted, image_id)')
    FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'image_members' AND index_name = 'ix_list_members'
);
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

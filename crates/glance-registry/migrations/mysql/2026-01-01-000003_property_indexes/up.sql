-- Which images have a property, by the beginning of its value. Perhaps they are there: see list_indexes.
SET @change = (
    SELECT IF(COUNT(*) > 0, 'DO 0', 'ALTER TABLE image_properties ADD INDEX ix_list_properties (name, value(191), deleted, image_id)')
    FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'image_properties' AND index_name = 'ix_list_properties'
);
PREPARE change_table FROM @change;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

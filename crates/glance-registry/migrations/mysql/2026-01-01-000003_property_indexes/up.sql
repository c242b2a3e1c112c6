-- Which images have a property, by the beginning of its value.
ALTER TABLE image_properties ADD INDEX ix_list_properties (name, value(191), deleted, image_id);

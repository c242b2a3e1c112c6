ALTER TABLE image_properties DROP INDEX ix_list_properties;

ALTER TABLE image_members DROP INDEX ix_list_members;

//! The tables, as the migrations make them and Glance 15 knows them.

use diesel::{allow_tables_to_appear_in_same_query, table};

table! {
    /// Images, deleted ones included: their ids are never used again.
    images (id) {
        id -> Text,
        name -> Nullable<Text>,
        size -> Nullable<BigInt>,
        status -> Text,
        created_at -> Text,
        updated_at -> Nullable<Text>,
        deleted_at -> Nullable<Text>,
        deleted -> Bool,
        disk_format -> Nullable<Text>,
        container_format -> Nullable<Text>,
        checksum -> Nullable<Text>,
        owner -> Nullable<Text>,
        min_disk -> BigInt,
        min_ram -> BigInt,
        protected -> Bool,
        virtual_size -> Nullable<BigInt>,
        visibility -> Text,
    }
}

table! {
    /// Free-form properties.
    image_properties (id) {
        id -> BigInt,
        image_id -> Text,
        name -> Text,
        value -> Nullable<Text>,
        created_at -> Text,
        updated_at -> Nullable<Text>,
        deleted_at -> Nullable<Text>,
        deleted -> Bool,
    }
}

table! {
    /// With whom images are shared.
    image_members (id) {
        id -> BigInt,
        image_id -> Text,
        member -> Text,
        can_share -> Bool,
        created_at -> Text,
        updated_at -> Nullable<Text>,
        deleted_at -> Nullable<Text>,
        deleted -> Bool,
        status -> Text,
    }
}

table! {
    /// Where the data of images is.
    image_locations (id) {
        id -> BigInt,
        image_id -> Text,
        value -> Text,
        created_at -> Text,
        updated_at -> Nullable<Text>,
        deleted_at -> Nullable<Text>,
        deleted -> Bool,
        meta_data -> Nullable<Text>,
        status -> Text,
    }
}

table! {
    /// Labels (Images API v2); here only to be deleted with their image.
    image_tags (id) {
        id -> BigInt,
        image_id -> Text,
        value -> Text,
        created_at -> Text,
        updated_at -> Nullable<Text>,
        deleted_at -> Nullable<Text>,
        deleted -> Bool,
    }
}

table! {
    /// Who works on an image that is not in a steady state. Ours; Glance has no such table.
    image_leases (image_id) {
        image_id -> Text,
        holder -> Text,
        store -> Text,
        bytes -> BigInt,
        expires_at -> BigInt,
        epoch -> BigInt,
    }
}

allow_tables_to_appear_in_same_query!(
    images,
    image_properties,
    image_members,
    image_locations,
    image_tags,
    image_leases,
);

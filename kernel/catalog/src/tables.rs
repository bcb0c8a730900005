//! The tables, as `migrations/` makes them.

diesel::table! {
    namespaces (id) {
        id -> BigInt,
        kind -> Text,
        name -> Text,
        lower -> Text,
        normalized -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    users (id) {
        id -> BigInt,
        full_name -> Text,
        email -> Nullable<Text>,
        email_lower -> Nullable<Text>,
        email_verified -> Bool,
        administrator -> Bool,
        active -> Bool,
        created_at -> BigInt,
    }
}

diesel::table! {
    organizations (id) {
        id -> BigInt,
        full_name -> Text,
        description -> Text,
        default_visibility -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    members (organization, member) {
        organization -> BigInt,
        member -> BigInt,
        role -> Text,
    }
}

diesel::table! {
    identities (instance, subject) {
        instance -> Text,
        subject -> Text,
        user_id -> BigInt,
    }
}

diesel::table! {
    repositories (id) {
        id -> BigInt,
        kind -> Text,
        namespace -> BigInt,
        name -> Text,
        lower -> Text,
        normalized -> Text,
        visibility -> Text,
        state -> Text,
        version -> BigInt,
        sdk -> Nullable<Text>,
        gated -> Nullable<Text>,
        lfs_threshold -> Nullable<BigInt>,
        lfs_suffixes -> Nullable<Text>,
        lfs_keep_versions -> Nullable<BigInt>,
        downloads -> BigInt,
        likes -> BigInt,
        disabled -> Bool,
        default_branch -> Text,
        head -> Nullable<Binary>,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    redirects (namespace, kind, lower) {
        kind -> Text,
        namespace -> BigInt,
        lower -> Text,
        repository -> BigInt,
    }
}

diesel::table! {
    operations (id) {
        id -> BigInt,
        repository -> BigInt,
        lease -> BigInt,
        purpose -> Text,
        deadline -> BigInt,
        created_at -> BigInt,
    }
}

diesel::table! {
    operation_reservations (operation, reservation) {
        operation -> BigInt,
        reservation -> BigInt,
    }
}

diesel::table! {
    events (id) {
        id -> BigInt,
        repository -> BigInt,
        kind -> Text,
        actor -> Nullable<BigInt>,
        head -> Nullable<Binary>,
        at -> BigInt,
        details -> Text,
    }
}

diesel::table! {
    secrets (name) {
        name -> Text,
        value -> Binary,
    }
}

diesel::joinable!(users -> namespaces (id));
diesel::joinable!(organizations -> namespaces (id));
diesel::joinable!(members -> organizations (organization));
diesel::joinable!(members -> users (member));
diesel::joinable!(identities -> users (user_id));
diesel::joinable!(repositories -> namespaces (namespace));
diesel::allow_tables_to_appear_in_same_query!(
    namespaces,
    users,
    organizations,
    members,
    identities,
    repositories,
    redirects,
    operations
);

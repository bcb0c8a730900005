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
        trending -> BigInt,
        disabled -> Bool,
        default_branch -> Text,
        head -> Nullable<Binary>,
        created_at -> BigInt,
        updated_at -> BigInt,
        origin -> Nullable<BigInt>,
        purged -> Bool,
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
        actor -> Nullable<BigInt>,
        merges -> Nullable<BigInt>,
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
    likes (repository, user_id) {
        repository -> BigInt,
        user_id -> BigInt,
        at -> BigInt,
    }
}

diesel::table! {
    lfs_locks (id) {
        id -> BigInt,
        repository -> BigInt,
        path -> Text,
        owner -> BigInt,
        locked_at -> BigInt,
    }
}

diesel::table! {
    download_sessions (repository, stretch, visitor) {
        repository -> BigInt,
        stretch -> BigInt,
        visitor -> Binary,
        batch -> BigInt,
    }
}

diesel::table! {
    daily_downloads (repository, day) {
        repository -> BigInt,
        day -> BigInt,
        known -> BigInt,
        anonymous -> BigInt,
        files -> BigInt,
    }
}

diesel::table! {
    access_requests (repository, user_id) {
        repository -> BigInt,
        user_id -> BigInt,
        status -> Text,
        fields -> Text,
        reason -> Nullable<Text>,
        at -> BigInt,
    }
}

diesel::table! {
    cards (repository) {
        repository -> BigInt,
        revision -> BigInt,
        readme -> Nullable<Binary>,
        data -> Text,
        tags -> Text,
        pipeline_tag -> Nullable<Text>,
        library -> Nullable<Text>,
    }
}

diesel::table! {
    card_tags (repository, tag) {
        repository -> BigInt,
        tag -> Text,
    }
}

diesel::table! {
    secrets (name) {
        name -> Text,
        value -> Binary,
    }
}

diesel::table! {
    discussions (repository, num) {
        repository -> BigInt,
        num -> BigInt,
        title -> Text,
        author -> Nullable<BigInt>,
        status -> Text,
        target -> Nullable<Text>,
        base -> Nullable<Binary>,
        merge_commit -> Nullable<Binary>,
        created_at -> BigInt,
    }
}

diesel::table! {
    profiles (namespace) {
        namespace -> BigInt,
        bio -> Text,
        website -> Text,
        twitter_x -> Text,
        threads -> Text,
        github -> Text,
        huggingface -> Text,
    }
}

diesel::table! {
    avatars (namespace) {
        namespace -> BigInt,
        jpeg -> Binary,
        tag -> Text,
    }
}

diesel::table! {
    invitations (id) {
        id -> BigInt,
        organization -> Nullable<BigInt>,
        role -> Nullable<Text>,
        email -> Nullable<Text>,
        max_usage -> Nullable<BigInt>,
        usage_count -> BigInt,
        created_by -> BigInt,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    discussion_events (id) {
        id -> BigInt,
        repository -> BigInt,
        num -> BigInt,
        kind -> Text,
        author -> Nullable<BigInt>,
        at -> BigInt,
        text -> Text,
        former -> Nullable<Text>,
        hidden -> Bool,
        edits -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    discussion_edits (id) {
        id -> BigInt,
        event -> BigInt,
        at -> BigInt,
        text -> Text,
    }
}

diesel::table! {
    mail_tokens (digest) {
        digest -> Binary,
        user_id -> BigInt,
        purpose -> Text,
        email_lower -> Text,
        expires_at -> BigInt,
    }
}

diesel::table! {
    device_logins (digest) {
        digest -> Binary,
        code -> Binary,
        user_id -> Nullable<BigInt>,
        denied -> Bool,
        every -> BigInt,
        next_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    refresh_tokens (digest) {
        digest -> Binary,
        former -> Nullable<Binary>,
        user_id -> BigInt,
        token_id -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    webhooks (id) {
        id -> BigInt,
        owner -> BigInt,
        url -> Text,
        secret -> Nullable<Text>,
        domains -> Text,
        disabled -> Bool,
        failures -> BigInt,
        created_at -> BigInt,
    }
}

diesel::table! {
    webhook_watches (webhook, namespace, target) {
        webhook -> BigInt,
        namespace -> Bool,
        target -> BigInt,
    }
}

diesel::table! {
    messages (id) {
        id -> BigInt,
        webhook -> BigInt,
        body -> Text,
        due -> BigInt,
        attempts -> BigInt,
    }
}

diesel::table! {
    collections (id) {
        id -> BigInt,
        namespace -> BigInt,
        title -> Text,
        description -> Text,
        private -> Bool,
        theme -> Text,
        position -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    collection_items (id) {
        id -> BigInt,
        collection -> BigInt,
        repository -> BigInt,
        position -> BigInt,
        note -> Text,
    }
}

diesel::table! {
    attempts (key) {
        key -> Binary,
        until -> BigInt,
    }
}

diesel::table! {
    jobs (id) {
        id -> BigInt,
        name -> Text,
        kind -> Text,
        repo -> Text,
        revision -> Text,
        filters -> Text,
        excludes -> Text,
        subfolders -> Bool,
        wish -> Text,
        output -> Text,
        status -> Text,
        error -> Text,
        pinned -> Nullable<Text>,
        total_files -> BigInt,
        completed_files -> BigInt,
        total_bytes -> BigInt,
        downloaded_bytes -> BigInt,
        bytes_per_second -> BigInt,
        run -> BigInt,
        claimed_until -> BigInt,
        version -> BigInt,
        created_at -> BigInt,
        started_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    job_files (job, position) {
        job -> BigInt,
        position -> BigInt,
        path -> Text,
        size -> BigInt,
        downloaded -> BigInt,
        status -> Text,
    }
}

diesel::table! {
    job_settings (id) {
        id -> BigInt,
        body -> Text,
    }
}

diesel::table! {
    imports (repository) {
        repository -> BigInt,
        owner -> BigInt,
        endpoint -> Text,
        source -> Text,
        revision -> Text,
        wish -> Text,
        every -> Nullable<BigInt>,
        status -> Text,
        error -> Text,
        progress -> Text,
        run -> BigInt,
        claimed_until -> BigInt,
        lease -> Nullable<BigInt>,
        operation -> Nullable<BigInt>,
        next_source -> Nullable<Text>,
        source_commit -> Nullable<Text>,
        commit_id -> Nullable<Text>,
        created_at -> BigInt,
        started_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
        next_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    mirrors (id) {
        id -> BigInt,
        endpoint -> Text,
        kind -> Text,
        namespace -> Text,
        name -> Text,
        lease -> BigInt,
        kept_until -> BigInt,
        refs -> Nullable<Text>,
        refs_checked_at -> BigInt,
    }
}

diesel::table! {
    mirror_commits (mirror, commit_id) {
        mirror -> BigInt,
        commit_id -> Text,
        listing -> Binary,
    }
}

diesel::table! {
    mirror_revisions (mirror, revision) {
        mirror -> BigInt,
        revision -> Text,
        commit_id -> Text,
        about -> Text,
        checked_at -> BigInt,
    }
}

diesel::table! {
    mirror_readers (mirror, reader, revision) {
        mirror -> BigInt,
        reader -> Text,
        revision -> Text,
        commit_id -> Text,
        about -> Text,
        checked_at -> BigInt,
    }
}

diesel::table! {
    mirror_redirects (name, kind, endpoint) {
        name -> Text,
        kind -> Text,
        endpoint -> Text,
        repo -> Text,
        checked_at -> BigInt,
    }
}

diesel::table! {
    mirror_files (mirror, digest) {
        mirror -> BigInt,
        digest -> Text,
        sha256 -> Binary,
    }
}

diesel::joinable!(webhook_watches -> webhooks (webhook));
diesel::joinable!(messages -> webhooks (webhook));
diesel::joinable!(webhooks -> users (owner));
diesel::joinable!(collections -> namespaces (namespace));
diesel::joinable!(collection_items -> repositories (repository));
diesel::table! {
    audit_unsealed (id) {
        id -> BigInt,
        node -> Text,
        at -> BigInt,
        content -> Text,
    }
}

diesel::table! {
    audit_records (id) {
        id -> BigInt,
        node -> Text,
        number -> BigInt,
        at -> BigInt,
        actor -> Nullable<Text>,
        action -> Text,
        object -> Text,
        outcome -> Text,
        content -> Text,
        hash -> Binary,
    }
}

diesel::table! {
    audit_chains (node) {
        node -> Text,
        base -> BigInt,
        base_hash -> Binary,
        head -> BigInt,
        head_hash -> Binary,
    }
}

diesel::table! {
    recalculations (name) {
        name -> Text,
        run -> BigInt,
        state -> Text,
        started_by -> Nullable<Text>,
        started_at -> BigInt,
        seen_at -> BigInt,
        finished_at -> Nullable<BigInt>,
        total -> BigInt,
        done -> BigInt,
        failed -> BigInt,
    }
}

diesel::joinable!(discussions -> namespaces (author));
diesel::joinable!(discussion_events -> namespaces (author));
diesel::joinable!(users -> namespaces (id));
diesel::joinable!(organizations -> namespaces (id));
diesel::joinable!(members -> organizations (organization));
diesel::joinable!(members -> users (member));
diesel::joinable!(identities -> users (user_id));
diesel::joinable!(invitations -> users (created_by));
diesel::joinable!(repositories -> namespaces (namespace));
diesel::joinable!(daily_downloads -> repositories (repository));
diesel::joinable!(likes -> users (user_id));
diesel::joinable!(lfs_locks -> users (owner));
diesel::joinable!(access_requests -> users (user_id));
diesel::joinable!(likes -> repositories (repository));
diesel::allow_tables_to_appear_in_same_query!(webhooks, webhook_watches);
diesel::allow_tables_to_appear_in_same_query!(webhooks, messages);
diesel::allow_tables_to_appear_in_same_query!(mirror_revisions, mirror_commits);
diesel::allow_tables_to_appear_in_same_query!(mirror_revisions, mirrors);
diesel::allow_tables_to_appear_in_same_query!(mirror_readers, mirror_commits);
diesel::allow_tables_to_appear_in_same_query!(namespaces, discussions);
diesel::allow_tables_to_appear_in_same_query!(namespaces, discussion_events);
diesel::allow_tables_to_appear_in_same_query!(
    namespaces,
    users,
    organizations,
    members,
    identities,
    invitations,
    repositories,
    redirects,
    operations,
    daily_downloads,
    lfs_locks,
    likes,
    access_requests,
    cards,
    card_tags,
    collections,
    collection_items,
    webhooks
);

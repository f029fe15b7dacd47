//! The order in which Argo CD applies things.

use super::{ACCOUNTS, MIGRATION, NAMESPACES, assert_rejected};

#[test]
fn a_first_sync_that_would_not_end() {
    assert_rejected(
        "a_first_sync_that_would_not_end",
        &[
            ("a hook before everything", MIGRATION, "hook: Sync", "hook: PreSync"),
            (
                "an account in the hook's wave",
                MIGRATION,
                "argocd.argoproj.io/sync-wave: \"-1\"",
                "argocd.argoproj.io/sync-wave: \"-2\"",
            ),
            (
                "an account before its namespace",
                ACCOUNTS,
                "annotations: { argocd.argoproj.io/sync-wave: \"-2\" }",
                "annotations: { argocd.argoproj.io/sync-wave: \"-4\" }",
            ),
            (
                "a namespace after what is in it",
                NAMESPACES,
                "argocd.argoproj.io/sync-wave: \"-3\"",
                "argocd.argoproj.io/sync-wave: \"1\"",
            ),
            ("a wave that is no number", NAMESPACES, "sync-wave: \"-3\"", "sync-wave: first"),
            ("a hook that Argo CD does not have", MIGRATION, "hook: Sync", "hook: BeforeSync"),
        ],
    );
}

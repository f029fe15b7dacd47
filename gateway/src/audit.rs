//! Who did what that matters for security.

use serde_json::Value;
use uuid::Uuid;

use crate::{
    app::App,
    identity::{Address, Identity},
};

/// What is written down.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Registered,
    LoggedIn,
    LoginRefused,
    LoggedOut,
    RefreshReused,
    Exported,
    Erased,
    RoleChanged,
    DeadLetterReplayed,
    ConsentDecided,
    AccountLinked,
    ClassMade,
    ClassDeleted,
    JoinRefused,
    MemberRemoved,
    TeacherAdded,
    TeacherRemoved,
}

impl Action {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::LoggedIn => "logged-in",
            Self::LoginRefused => "login-refused",
            Self::LoggedOut => "logged-out",
            Self::RefreshReused => "refresh-token-reused",
            Self::Exported => "exported",
            Self::Erased => "erased",
            Self::RoleChanged => "role-changed",
            Self::DeadLetterReplayed => "dead-letter-replayed",
            Self::ConsentDecided => "consent-decided",
            Self::AccountLinked => "account-linked",
            Self::ClassMade => "class-made",
            Self::ClassDeleted => "class-deleted",
            Self::JoinRefused => "join-refused",
            Self::MemberRemoved => "member-removed",
            Self::TeacherAdded => "teacher-added",
            Self::TeacherRemoved => "teacher-removed",
        }
    }
}

impl App {
    /// Writes to the audit log. A failure is logged: the action itself has already happened.
    pub(crate) async fn audit(
        &self,
        actor: Option<&Identity>,
        address: Address,
        action: Action,
        target: Option<&str>,
        detail: Value,
    ) {
        let written = sqlx::query(
            "INSERT INTO audit_log (audit_id, actor, actor_role, action, target, address, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(Uuid::now_v7())
        .bind(actor.map(|actor| actor.user_id.as_str()))
        .bind(actor.map(|actor| actor.role.as_str()))
        .bind(action.as_str())
        .bind(target)
        .bind(address.0.to_string())
        .bind(detail)
        .execute(&self.db)
        .await;
        if let Err(error) = written {
            tracing::error!(%error, action = action.as_str(), "the audit log could not be written");
        }
    }
}

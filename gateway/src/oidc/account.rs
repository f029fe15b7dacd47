//! The account that a person at the provider stands for.

use serde_json::json;
use uuid::Uuid;

use super::id_token::Person;
use crate::{accounts, app::App, audit::Action, config::OidcConfig, identity::Address, problem::Problem};

impl App {
    /// The account of a person: the one that was linked before, else the one with this verified address, else a new
    /// one.
    ///
    /// An account of ours with the same address was made by somebody who never showed that the address is theirs.
    /// Whoever shows it now takes the account over: its password and logins end.
    pub(super) async fn account_of(
        &self,
        address: Address,
        config: &OidcConfig,
        person: &Person,
    ) -> Result<String, Problem> {
        let mut transaction = self.db.begin().await?;
        let known: Option<String> = sqlx::query_scalar(
            "UPDATE external_identities SET last_login_at = now() WHERE issuer = $1 AND subject = $2
          RETURNING user_id",
        )
        .bind(&config.issuer)
        .bind(&person.subject)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(user_id) = known {
            transaction.commit().await?;
            return Ok(user_id);
        }
        let email = person.verified_email.as_deref().and_then(|email| accounts::checked_email(email).ok());
        let new_id = Uuid::now_v7().to_string();
        let made = sqlx::query(
            "INSERT INTO users (user_id, email, display_name, role) VALUES ($1, $2, $3, 'student')
             ON CONFLICT (email) DO NOTHING",
        )
        .bind(&new_id)
        .bind(&email)
        .bind(name_of(person, email.as_deref()))
        .execute(&mut *transaction)
        .await?
        .rows_affected()
            > 0;
        let user_id = if made {
            new_id
        } else {
            let user_id: String = sqlx::query_scalar(
                "UPDATE users SET password_hash = NULL WHERE email = $1 RETURNING user_id",
            )
            .bind(&email)
            .fetch_one(&mut *transaction)
            .await?;
            sqlx::query(
                "UPDATE refresh_tokens SET revoked_at = coalesce(revoked_at, now()) WHERE user_id = $1",
            )
            .bind(&user_id)
            .execute(&mut *transaction)
            .await?;
            user_id
        };
        // Two first logins at the same moment link the same account, or one of them fails and is tried again.
        sqlx::query("INSERT INTO external_identities (issuer, subject, user_id) VALUES ($1, $2, $3)")
            .bind(&config.issuer)
            .bind(&person.subject)
            .bind(&user_id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        let action = if made { Action::Registered } else { Action::AccountLinked };
        self.audit(None, address, action, Some(&user_id), json!({ "issuer": config.issuer })).await;
        Ok(user_id)
    }
}

/// A name to show.
fn name_of(person: &Person, email: Option<&str>) -> String {
    let local = email.and_then(|email| email.split_once('@')).map(|(local, _)| local);
    let name: String = person
        .name
        .as_deref()
        .or(local)
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(80)
        .collect();
    let name = name.trim();
    if name.is_empty() { "Student".to_owned() } else { name.to_owned() }
}

//! The database roles of the components: what a cluster's Secrets `<component>-database` hold.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context;
use sqlx::PgPool;
use uuid::Uuid;

use crate::installation::write_private;

const FILE: &str = "database-roles.json";

/// The database's address for each component.
pub struct DatabaseRoles {
    owner_url: String,
    passwords: BTreeMap<String, String>,
}

impl DatabaseRoles {
    /// Lets the roles that the migrations made log in, with passwords of their own that the data directory keeps.
    /// On a database whose owner may not manage roles every component uses the owner's.
    pub async fn prepare(pool: &PgPool, owner_url: &str, data_dir: &Path) -> anyhow::Result<Self> {
        let roles: Vec<String> = sqlx::query_scalar(
            "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'learnflow\\_%'
                AND (SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user)",
        )
        .fetch_all(pool)
        .await?;
        let file = data_dir.join(FILE);
        let mut passwords: BTreeMap<String, String> = match fs::read(&file) {
            Ok(text) => {
                serde_json::from_slice(&text).with_context(|| format!("{} is damaged", file.display()))?
            }
            Err(_) => BTreeMap::new(),
        };
        for role in &roles {
            let password =
                passwords.entry(role.clone()).or_insert_with(|| Uuid::new_v4().simple().to_string());
            // Both are ours (a fixed name and hex digits); ALTER ROLE takes no parameters.
            let statement = format!("ALTER ROLE \"{role}\" LOGIN PASSWORD '{password}'");
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(pool).await?;
        }
        passwords.retain(|role, _| roles.contains(role));
        write_private(&file, &serde_json::to_vec_pretty(&passwords)?)?;
        Ok(Self { owner_url: owner_url.to_owned(), passwords })
    }

    /// The address for a component (`code-review`).
    pub fn url(&self, component: &str) -> anyhow::Result<String> {
        let role = format!("learnflow_{}", component.replace('-', "_"));
        let Some(password) = self.passwords.get(&role) else { return Ok(self.owner_url.clone()) };
        let mut url = reqwest::Url::parse(&self.owner_url).context("the database's address is not a URL")?;
        let set = url.set_username(&role).and_then(|()| url.set_password(Some(password)));
        set.map_err(|()| anyhow::anyhow!("the database's address has no host"))?;
        Ok(url.into())
    }

    /// The value of a Secret's key, as the manifests refer to it: `<component>-database`, key `url`.
    pub fn secret(&self, name: &str, key: &str) -> anyhow::Result<Option<String>> {
        match (name.strip_suffix("-database"), key) {
            (Some(component), "url") => self.url(component).map(Some),
            _ => Ok(None),
        }
    }
}

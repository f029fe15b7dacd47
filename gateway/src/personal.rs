//! Where a person's data is: which columns of which tables name somebody.
//!
//! It is read from the schema, so that a table which comes later is found without anybody remembering to add it
//! here: columns called `student_id` or `user_id`, and columns that refer to `users`. What cannot be found that way
//! is in [`Place::others`].

use sqlx::PgConnection;

/// A table in which rows concern a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The table's name, quoted where it has to be.
    pub(crate) table: String,
    /// The rows: a condition on the alias `t`, with the user's id as `$1`.
    pub(crate) rows: String,
    /// What erasing does, a statement with the user's id as `$1`.
    pub(crate) erase: String,
}

impl Place {
    /// Places that no column's name and no reference shows.
    fn others() -> Vec<Self> {
        let place = |table: &str, rows: &str, erase: String| Self {
            table: table.to_owned(),
            rows: rows.to_owned(),
            erase,
        };
        let usage = "t.scope = 'student:' || $1";
        let replies = "t.reply ->> 'partitionkey' = $1";
        let audited = "(t.actor = $1 OR t.target = $1
                        OR t.detail ->> 'email' = (SELECT email FROM users WHERE user_id = $1))";
        vec![
            place("usage_days", usage, format!("DELETE FROM usage_days t WHERE {usage}")),
            // The rows stay, so that a late redelivery does nothing; what they replied goes.
            place("inbox", replies, format!("UPDATE inbox t SET reply = NULL WHERE {replies}")),
            // That something happened stays; to whom goes.
            place(
                "audit_log",
                audited,
                format!(
                    "UPDATE audit_log t SET actor = CASE WHEN actor = $1 THEN NULL ELSE actor END,
                            target = CASE WHEN target = $1 THEN NULL ELSE target END,
                            address = CASE WHEN actor = $1 OR target = $1 THEN NULL ELSE address END,
                            detail = detail - 'email'
                      WHERE {audited}"
                ),
            ),
        ]
    }
}

/// A column that names a person.
#[derive(sqlx::FromRow)]
struct Column {
    table: String,
    column: String,
    /// The row is that person's own; otherwise it only mentions the person.
    own: bool,
    nullable: bool,
}

/// All places, those that refer to others first.
pub(crate) async fn places(connection: &mut PgConnection) -> Result<Vec<Place>, sqlx::Error> {
    let columns: Vec<Column> = sqlx::query_as(
        "SELECT format('%I', c.relname) AS table, format('%I', a.attname) AS column,
                a.attname IN ('student_id', 'user_id') AS own, NOT a.attnotnull AS nullable
           FROM pg_attribute a
           JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
          WHERE a.attnum > 0 AND NOT a.attisdropped
            AND c.relname NOT IN ('users', 'erased_users')
            AND (a.attname IN ('student_id', 'user_id')
                 OR EXISTS (SELECT FROM pg_constraint k
                             WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.conkey = ARRAY[a.attnum]
                               AND k.confrelid = 'public.users'::regclass))
       ORDER BY c.relname = 'student_progress', c.relname, own DESC, a.attname",
    )
    .fetch_all(connection)
    .await?;
    let mut places: Vec<Place> = columns
        .into_iter()
        .map(|Column { table, column, own, nullable }| Place {
            rows: format!("t.{column} = $1"),
            erase: if own {
                format!("DELETE FROM {table} WHERE {column} = $1")
            } else if nullable {
                format!("UPDATE {table} SET {column} = NULL WHERE {column} = $1")
            } else {
                // The reference itself says what happens when the account goes.
                String::new()
            },
            table,
        })
        .collect();
    places.extend(Place::others());
    Ok(places)
}

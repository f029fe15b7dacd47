//! Where a person's data is: which columns of which tables name somebody.
//!
//! It is read from the schema, so that a table which comes later is found without anybody remembering to add it
//! here: columns called `student_id` or `user_id`, and columns that refer to `users`. What cannot be found that way
//! is in [`Place::others`].
//!
//! A row with a `student_id` or `user_id` is that person's own, and an export shows it whole. Other rows only mention
//! the person and are about somebody else as well: of those an export shows what [`MENTIONS`] says, and of a column
//! that is not listed there nothing but that it names the person.

use sqlx::PgConnection;

/// What an export shows of rows that only mention somebody: table, column that mentions, columns that are shown.
const MENTIONS: [(&str, &str, &[&str]); 3] = [
    // That one closed an alert, and when. The alert and the note on it are about the student, who has them in the
    // student's own export.
    ("struggle_alerts", "resolved_by", &["alert_id", "resolved_by", "resolved_at"]),
    // What one wrote for a class, whole.
    (
        "class_notes",
        "author_id",
        &["note_id", "class_id", "title", "text", "topics", "author_id", "updated_at"],
    ),
    (
        "class_exercises",
        "author_id",
        &["exercise_id", "class_id", "author_id", "exercise", "verified_at", "updated_at"],
    ),
];

/// What an export shows of the audit log. Of what somebody did: all but the other person it was done to. Of what was
/// done to somebody: what and when, but neither who did it nor from where. Nobody is logged in yet who registers or
/// logs in, so these entries have no actor; the address is still that of the account's owner. Behind a refused login
/// or a stolen token may be anybody.
const AUDIT_SHOWN: &str = "
       jsonb_build_object('audit_id', t.audit_id, 'at', t.at, 'action', t.action, 'detail', t.detail)
    || CASE WHEN t.actor = $1 THEN jsonb_build_object('actor', t.actor, 'actor_role', t.actor_role) ELSE '{}' END
    || CASE WHEN t.actor = $1
              OR t.actor IS NULL AND t.action IN ('registered', 'logged-in', 'logged-out', 'account-linked')
            THEN jsonb_build_object('address', t.address) ELSE '{}' END
    || CASE WHEN t.target = $1 OR NOT EXISTS (SELECT FROM users u WHERE u.user_id = t.target)
            THEN jsonb_build_object('target', t.target) ELSE '{}' END";

/// A table in which rows concern a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The table's name, quoted where it has to be.
    pub(crate) table: String,
    /// The rows: a condition on the alias `t`, with the user's id as `$1`.
    pub(crate) rows: String,
    /// What an export shows of such a row: a JSON expression on the alias `t`, with the user's id as `$1`.
    pub(crate) shown: String,
    /// What erasing does, a statement with the user's id as `$1`.
    pub(crate) erase: String,
}

impl Place {
    /// Places that no column's name and no reference shows.
    fn others() -> Vec<Self> {
        let place = |table: &str, rows: &str, shown: &str, erase: String| Self {
            table: table.to_owned(),
            rows: rows.to_owned(),
            shown: shown.to_owned(),
            erase,
        };
        let usage = "t.scope = 'student:' || $1";
        let replies = "t.reply ->> 'partitionkey' = $1";
        let audited = "(t.actor = $1 OR t.target = $1)";
        vec![
            place("usage_days", usage, WHOLE, format!("DELETE FROM usage_days t WHERE {usage}")),
            // The rows stay, so that a late redelivery does nothing; what they replied goes.
            place("inbox", replies, WHOLE, format!("UPDATE inbox t SET reply = NULL WHERE {replies}")),
            // That something happened stays; to whom goes.
            place(
                "audit_log",
                audited,
                AUDIT_SHOWN,
                format!(
                    "UPDATE audit_log t SET actor = CASE WHEN actor = $1 THEN NULL ELSE actor END,
                            target = CASE WHEN target = $1 THEN NULL ELSE target END,
                            address = NULL
                      WHERE {audited}"
                ),
            ),
        ]
    }
}

/// All of a row.
const WHOLE: &str = "to_jsonb(t)";

/// A column that names a person.
#[derive(sqlx::FromRow)]
struct Column {
    table: String,
    column: String,
    /// The row is that person's own; otherwise it only mentions the person.
    own: bool,
    nullable: bool,
}

impl Column {
    /// What an export shows of a row that this column makes somebody's.
    fn shown(&self) -> String {
        if self.own {
            return WHOLE.to_owned();
        }
        let listed =
            MENTIONS.iter().find(|(table, column, _)| *table == self.table && *column == self.column);
        let itself = [self.column.as_str()];
        let columns = listed.map_or(&itself[..], |(.., shown)| *shown);
        let fields: Vec<String> =
            columns.iter().map(|column| format!("'{}', t.{column}", column.trim_matches('"'))).collect();
        format!("jsonb_build_object({})", fields.join(", "))
    }
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
        .iter()
        .map(|column| {
            let Column { table, column: name, own, nullable } = column;
            let mut rows = format!("t.{name} = $1");
            // A row that is somebody's own does not mention that person besides.
            for owning in columns.iter().filter(|other| !own && other.own && other.table == *table) {
                rows.push_str(&format!(" AND t.{} IS DISTINCT FROM $1", owning.column));
            }
            Place {
                table: table.clone(),
                rows,
                shown: column.shown(),
                erase: if *own {
                    format!("DELETE FROM {table} WHERE {name} = $1")
                } else if *nullable {
                    format!("UPDATE {table} SET {name} = NULL WHERE {name} = $1")
                } else {
                    // The reference itself says what happens when the account goes.
                    String::new()
                },
            }
        })
        .collect();
    places.extend(Place::others());
    Ok(places)
}

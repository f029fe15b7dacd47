//! Pages of a list, newest first. A query asks for one row more than the page has, which says whether others follow.

use crate::problem::Problem;

/// How many rows a page has: as many as were asked for, or `usual`.
///
/// # Errors
/// 400 for less than one or more than `most`.
pub(crate) fn rows(asked: Option<i64>, usual: i64, most: i64) -> Result<i64, Problem> {
    match asked.unwrap_or(usual) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(Problem::bad_request(format!("limit must be 1 to {most}."))),
    }
}

/// Takes the row that is one too many off; whether there was one.
pub(crate) fn cut<T>(rows: &mut Vec<T>, limit: i64) -> bool {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    more
}

//! How many sockets each user has open on this replica.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::StatusCode;

use crate::problem::Problem;

/// Open sockets by user.
#[derive(Clone, Default)]
pub(crate) struct Connections(Arc<Mutex<HashMap<String, u32>>>);

/// One user's place among the open sockets; dropping it frees the place.
pub(crate) struct Seat {
    connections: Connections,
    user_id: String,
}

impl Connections {
    /// A place for one more socket of a user, unless the user has `most` already.
    pub(crate) fn take(&self, user_id: &str, most: u32) -> Result<Seat, Problem> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.get(user_id).copied().unwrap_or_default();
        if count >= most {
            return Err(Problem::reject(
                StatusCode::TOO_MANY_REQUESTS,
                format!("You have {most} connections open, which is all you may have; close a page first."),
            ));
        }
        open.insert(user_id.to_owned(), count + 1);
        Ok(Seat { connections: self.clone(), user_id: user_id.to_owned() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.connections.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = open.get(&self.user_id).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            open.remove(&self.user_id);
        } else {
            open.insert(std::mem::take(&mut self.user_id), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_so_many_places_and_gets_them_back() {
        let connections = Connections::default();
        let first = connections.take("ada", 2).unwrap();
        let second = connections.take("ada", 2).unwrap();
        assert_eq!(connections.take("ada", 2).err().unwrap().status(), 429);
        let other = connections.take("bob", 2).unwrap();
        drop(first);
        let again = connections.take("ada", 2).unwrap();
        assert!(connections.take("ada", 2).is_err());
        drop((second, other, again));
        assert!(connections.0.lock().unwrap().is_empty());
    }
}

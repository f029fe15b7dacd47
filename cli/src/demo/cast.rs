//! Who is in the demo's class.

/// The teacher: name and address.
pub const TEACHER: (&str, &str) = ("Demo Teacher", "teacher@demo.example");
/// Who runs the system.
pub const ADMIN: (&str, &str) = ("Demo Admin", "admin@demo.example");
/// The class.
pub const CLASS: &str = "Python, first course";

const NAMES: [&str; 30] = [
    "Amira", "Ben", "Chiara", "Daniel", "Elif", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Kofi", "Lena",
    "Mateo", "Nadia", "Oskar", "Priya", "Quentin", "Rosa", "Samir", "Tuva", "Uma", "Viktor", "Wanja",
    "Ximena", "Yusuf", "Zofia", "Ada", "Bao", "Clara", "Deniz",
];

/// Learns alone, in no class: whoever is stuck there is looked after by all teachers.
const SELF_LEARNER: &str = "Mila";

/// How somebody works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Most things work at the second try.
    Steady,
    /// Most things work at once.
    Quick,
    /// Much is tried, little works, and then nothing for a while.
    Struggling,
    /// Was here twice.
    Rare,
}

/// Somebody who learns.
#[derive(Clone, Copy, Debug)]
pub struct Student {
    /// The place among all who learn, which everything random follows from.
    pub number: u64,
    /// The name to show.
    pub name: &'static str,
    /// How this student works.
    pub habit: Habit,
}

impl Student {
    /// The address that the account logs in with.
    pub fn email(&self) -> String {
        format!("{}@demo.example", self.name.to_lowercase())
    }
}

/// The class: a few who are quick, a few who struggle, a few who hardly come, and the rest.
pub fn students() -> Vec<Student> {
    let habit = |number| match number % 10 {
        1 | 6 => Habit::Quick,
        3 | 8 => Habit::Struggling,
        9 => Habit::Rare,
        _ => Habit::Steady,
    };
    NAMES.into_iter().zip(0..).map(|(name, number)| Student { number, name, habit: habit(number) }).collect()
}

/// Whoever learns without a class.
pub fn self_learner() -> Student {
    Student { number: NAMES.len() as u64, name: SELF_LEARNER, habit: Habit::Struggling }
}

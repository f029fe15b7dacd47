//! What a student did in the fortnight, decided ahead of time: the same student and end give the same plan.

use chrono::{DateTime, Duration, TimeZone, Utc};
use learnflow_events::{Route, payload::QuerySubmitted};
use learnflow_exercise_bank::{Exercise, bank};
use learnflow_learner::curriculum;

use super::cast::{Habit, Student};

const DAYS: i64 = 14;

/// One thing that a student did.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub action: Action,
}

/// What a student can do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Ask the tutor, or hand something in.
    Ask(QuerySubmitted),
    /// Run a program.
    Run(String),
    /// Say whether the answer before helped.
    Rate(bool),
}

/// Programs that beginners write, and what becomes of them.
const FAULTY: [(&str, &str); 8] = [
    ("list-indexing", "names = ['Ada', 'Bo', 'Cy']\nfor i in range(4):\n    print(names[i])\n"),
    ("type-conversion", "age = '17'\nprint('Next year: ' + (age + 1))\n"),
    ("variables", "total = 0\nfor price in [3, 4, 5]:\n    totl = total + price\nprint(totle)\n"),
    ("dictionaries", "stock = {'pen': 3}\nprint(stock['ink'])\n"),
    ("integer-division", "marks = []\nprint(sum(marks) / len(marks))\n"),
    ("methods", "word = 'list'\nword.append('s')\nprint(word)\n"),
    ("if-statements", "grade = 7\nif grade > 5\n    print('passed')\n"),
    ("base-case", "def count(n):\n    return count(n - 1)\n\nprint(count(3))\n"),
];
const WORKING: [&str; 5] = [
    "names = ['Ada', 'Bo', 'Cy']\nfor name in names:\n    print('Hello,', name)\n",
    "total = 0\nfor number in range(1, 11):\n    total += number\nprint(total)\n",
    "def area(width, height):\n    return width * height\n\nprint(area(3, 4))\n",
    "words = 'the quick brown fox'.split()\nprint(max(words, key=len))\n",
    "counts = {}\nfor letter in 'banana':\n    counts[letter] = counts.get(letter, 0) + 1\nprint(counts)\n",
];
/// The error that those who struggle run into again and again.
const STUCK: &str =
    "scores = [4, 8, 15]\ni = 0\nwhile i <= len(scores):\n    print(scores[i])\n    i = i + 1\n";
/// More than the rule of the same error needs.
const STUCK_RUNS: i64 = 6;

/// A student's plan, in order.
pub fn of(student: &Student, until: DateTime<Utc>) -> Vec<Step> {
    Planner { random: fastrand::Rng::with_seed(0x1ea2_0000 + student.number), steps: Vec::new() }
        .fortnight(student, until)
}

struct Planner {
    random: fastrand::Rng,
    steps: Vec<Step>,
}

impl Planner {
    fn chance(&mut self, percent: u8) -> bool {
        self.random.u8(0..100) < percent
    }

    fn fortnight(mut self, student: &Student, until: DateTime<Utc>) -> Vec<Step> {
        let (lessons, at_once) = match student.habit {
            Habit::Quick => (9, 80),
            Habit::Steady => (7, 55),
            Habit::Struggling => (6, 20),
            Habit::Rare => (2, 45),
        };
        let topics: Vec<&str> = curriculum::topics().map(|topic| topic.id).collect();
        for lesson in 0..lessons {
            // Spread over the fortnight, in the afternoon, the last one today.
            let day = DAYS - 1 - (lesson + 1) * (DAYS - 1) / lessons;
            let begin = afternoon(until - Duration::days(day), self.random.i64(0..240))
                .min(until - Duration::hours(3));
            let last = (lesson as usize * 5 + self.random.usize(0..4)).min(topics.len() - 1);
            self.lesson(begin, topics[last], at_once);
        }
        if student.habit == Habit::Struggling {
            let before = 60 + self.random.i64(0..60);
            self.get_stuck(until - Duration::minutes(before));
        }
        self.steps.sort_by_key(|step| step.at);
        self.steps
    }

    /// Half an hour on one topic: a question, some programs, an exercise.
    fn lesson(&mut self, begin: DateTime<Utc>, topic: &str, at_once: u8) {
        let mut at = begin;
        let title = curriculum::title(topic).to_lowercase();
        let question = match self.random.u8(0..4) {
            0 => format!("what is {title}?"),
            1 => format!("can you explain {title} to me?"),
            2 => format!("I don't understand {title}"),
            _ => format!("how does {title} work in python?"),
        };
        self.ask(&mut at, QuerySubmitted { query_text: question, ..QuerySubmitted::default() });
        if self.chance(40) {
            let helped = self.chance(80);
            self.push(&mut at, 1, Action::Rate(helped));
        }
        for _ in 0..self.random.u8(1..3) {
            let works = self.chance(at_once);
            let code = if works { self.one_of(&WORKING) } else { self.one_of(&FAULTY).1 };
            self.push(&mut at, 3, Action::Run(code.to_owned()));
            if !works && self.chance(50) {
                let query_text = "why does my program not work?".to_owned();
                let code = Some(code.to_owned());
                self.ask(&mut at, QuerySubmitted { query_text, code, ..QuerySubmitted::default() });
            }
        }
        if let Some(exercise) = self.exercise_on(topic) {
            self.practise(&mut at, exercise, at_once);
        }
        if self.chance(15) {
            let code = Some(self.one_of(&WORKING).to_owned());
            let query_text = "please review my code".to_owned();
            self.ask(&mut at, QuerySubmitted { query_text, code, ..QuerySubmitted::default() });
        }
        if self.chance(12) {
            let query_text = "how am I doing?".to_owned();
            self.ask(&mut at, QuerySubmitted { query_text, ..QuerySubmitted::default() });
        }
    }

    /// Tries at an exercise until it is solved or given up.
    fn practise(&mut self, at: &mut DateTime<Utc>, exercise: &Exercise, at_once: u8) {
        for attempt in 0..3 {
            let solved = self.chance(at_once + 15 * attempt) || exercise.wrong.is_empty();
            let code = if solved {
                exercise.solution
            } else {
                exercise.wrong[usize::from(attempt) % exercise.wrong.len()].code
            };
            self.hand_in(at, exercise, code);
            if solved {
                return;
            }
            if self.chance(40) {
                let query_text = "can I have a hint?".to_owned();
                let exercise_id = Some(exercise.id.to_owned());
                let route = Some(Route::Exercise);
                self.ask(at, QuerySubmitted { query_text, exercise_id, route, ..QuerySubmitted::default() });
            }
        }
    }

    fn hand_in(&mut self, at: &mut DateTime<Utc>, exercise: &Exercise, code: &str) {
        let query = QuerySubmitted {
            query_text: format!("My solution for {}", exercise.title),
            code: Some(code.to_owned()),
            exercise_id: Some(exercise.id.to_owned()),
            route: Some(Route::Exercise),
            ..QuerySubmitted::default()
        };
        self.ask(at, query);
    }

    /// What the struggle rules look for: one error again and again, and an exercise without progress.
    fn get_stuck(&mut self, begin: DateTime<Utc>) {
        let mut at = begin;
        if let Some(exercise) =
            bank().iter().find(|exercise| !exercise.wrong.is_empty() && self.random.u8(0..20) == 0)
        {
            for _ in 0..6 {
                self.hand_in(&mut at, exercise, exercise.wrong[0].code);
            }
        }
        for _ in 0..STUCK_RUNS {
            self.push(&mut at, 2, Action::Run(STUCK.to_owned()));
        }
        let query_text = "why do I get IndexError? it worked before".to_owned();
        self.ask(
            &mut at,
            QuerySubmitted { query_text, code: Some(STUCK.to_owned()), ..QuerySubmitted::default() },
        );
    }

    fn exercise_on(&mut self, topic: &str) -> Option<&'static Exercise> {
        let on_topic: Vec<&Exercise> =
            bank().iter().filter(|exercise| exercise.topics.first() == Some(&topic)).collect();
        (!on_topic.is_empty()).then(|| on_topic[self.random.usize(0..on_topic.len())])
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.usize(0..all.len())]
    }

    fn ask(&mut self, at: &mut DateTime<Utc>, query: QuerySubmitted) {
        self.push(at, 4, Action::Ask(query));
    }

    /// A step, some minutes after the one before.
    fn push(&mut self, at: &mut DateTime<Utc>, minutes: i64, action: Action) {
        *at += Duration::seconds(20 + self.random.i64(0..minutes * 60));
        self.steps.push(Step { at: *at, action });
    }
}

/// Some minutes after two o'clock on a day (UTC).
fn afternoon(day: DateTime<Utc>, minutes: i64) -> DateTime<Utc> {
    let noon = day.date_naive().and_hms_opt(14, 0, 0).unwrap_or_default();
    Utc.from_utc_datetime(&noon) + Duration::minutes(minutes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::cast::students;

    #[test]
    fn a_plan_is_a_fortnight_in_order_and_the_same_every_time() {
        let until = Utc::now();
        let mut steps = 0;
        for student in students() {
            let plan = of(&student, until);
            assert_eq!(plan, of(&student, until), "{}", student.name);
            assert!(plan.is_sorted_by_key(|step| step.at), "{}", student.name);
            assert!(plan.iter().all(|step| step.at < until && step.at > until - Duration::days(DAYS + 1)));
            steps += plan.len();
        }
        assert!((400..2_000).contains(&steps), "{steps}");
    }

    #[test]
    fn every_topic_of_a_faulty_program_is_in_the_curriculum() {
        for (topic, _) in FAULTY {
            assert!(curriculum::topic(topic).is_some(), "{topic}");
        }
    }
}

//! What students read.

use concepts::{answer, card::card, cards};
use learnflow_agent::{FaultKind, LearningStyle, Question, SkillLevel, StudentContext};
use learnflow_events::payload::{QuerySubmitted, ResponseType};

fn asked(text: &str, student: StudentContext) -> Question {
    let query = QuerySubmitted { query_text: text.to_owned(), ..QuerySubmitted::default() };
    Question { query, student, ..Question::default() }
}

fn text(question: &Question) -> String {
    answer(question).expect("an answer").text
}

#[test]
fn a_beginner_gets_an_analogy_an_example_and_a_next_step() {
    insta::assert_snapshot!(text(&asked("what is a while loop?", StudentContext::default())));
}

#[test]
fn an_advanced_student_who_learns_from_examples_gets_the_example_first() {
    let student = StudentContext {
        skill_level: SkillLevel::Advanced,
        learning_style: LearningStyle::ExampleDriven,
        ..StudentContext::default()
    };
    insta::assert_snapshot!(text(&asked("what is recursion?", student)));
}

#[test]
fn a_visual_learner_gets_a_picture() {
    let student = StudentContext { learning_style: LearningStyle::Visual, ..StudentContext::default() };
    assert!(text(&asked("what is a variable", student)).contains("age ──► 12"));
}

#[test]
fn what_is_mastered_is_not_explained_again_at_length() {
    let mut student = StudentContext::default();
    student.mastery_levels.insert("recursion".to_owned(), 0.93);
    let brief = text(&asked("what is recursion?", student));
    insta::assert_snapshot!(brief);
}

#[test]
fn several_topics_in_one_question_are_all_answered() {
    let answer = answer(&asked(
        "what is the difference between a for loop and a while loop",
        StudentContext::default(),
    ))
    .expect("an answer");
    assert!(
        answer.text.contains("### for loops") && answer.text.contains("### while loops"),
        "{}",
        answer.text
    );
    assert_eq!(answer.code_examples.len(), 2);
    assert_eq!(answer.observations.len(), 2);
}

#[test]
fn the_idea_behind_an_error_is_explained_for_debug() {
    let mut question = asked("it crashes", StudentContext::default());
    question.concept = Some("IndexError".to_owned());
    let answer = answer(&question).expect("an answer");
    assert!(answer.text.starts_with("Here is the idea behind it."));
    assert!(answer.text.contains("### IndexError"));
    assert_eq!(answer.topics, ["list-indexing"]);
    assert_eq!(answer.confidence, 1.0);
}

#[test]
fn nothing_found_is_said_plainly() {
    for question in ["how do I knit a scarf", "zxqv wvut", "что такое переменная", "????"] {
        let answer = answer(&asked(question, StudentContext::default())).expect("an answer");
        assert_eq!(answer.response_type, ResponseType::Clarification, "{question}: {}", answer.text);
        assert!(answer.text.starts_with("I have no card about that"), "{}", answer.text);
        assert!(answer.confidence < 0.3);
    }
}

#[test]
fn a_program_without_a_question_is_explained_by_what_it_uses() {
    let mut question = asked("hm?", StudentContext::default());
    question.query.code = Some("squares = [n * n for n in range(5)]\nprint(squares)\n".to_owned());
    let answer = answer(&question).expect("an answer");
    assert!(
        answer.text.contains("line 1: `squares = [n * n for n in range(5)]` — List comprehensions"),
        "{}",
        answer.text
    );
}

#[test]
fn an_empty_message_is_refused_with_a_way_on() {
    let fault = answer(&asked("  ", StudentContext::default())).expect_err("refused");
    assert_eq!(fault.kind, FaultKind::Reject);
}

#[test]
fn every_topic_and_every_exception_has_a_card() {
    use learnflow_learner::curriculum;
    for id in curriculum::topics().map(|topic| topic.id).chain(curriculum::exceptions()) {
        assert!(concepts::card::card(id).is_some(), "no card for {id}");
    }
    for card in cards() {
        let levels = [card.beginner, card.intermediate, card.advanced];
        assert!(levels.iter().all(|level| level.len() > 20), "{} has an empty level", card.id);
    }
}

#[test]
fn what_did_not_help_is_told_another_way() {
    let student = |unhelpful: &[&str]| StudentContext {
        skill_level: SkillLevel::Intermediate,
        mastery_levels: [("recursion".to_owned(), 0.95)].into(),
        unhelpful_topics: unhelpful.iter().map(|topic| (*topic).to_owned()).collect(),
        ..StudentContext::default()
    };
    let card = card("recursion").expect("a card");
    let before = text(&asked("what is recursion?", student(&[])));
    let after = text(&asked("what is recursion?", student(&["recursion"])));
    let other = text(&asked("what is recursion?", student(&["lists"])));
    assert!(before.contains("only a reminder") && before == other, "{other}");
    assert!(after.starts_with("You said that an earlier explanation did not help"), "{after}");
    // In full though it is mastered, and a step simpler.
    assert!(after.contains(card.beginner) && !after.contains(card.intermediate), "{after}");
    assert!(after.contains(card.example.code), "{after}");
}

#[test]
fn a_question_that_names_an_exercise_is_guarded_and_neither_streamed_nor_kept() {
    for text in
        ["what is recursion? I have to write factorial(n)", "what is recursion, as in `factorial(n)`?"]
    {
        let question = asked(text, StudentContext::default());
        let authored = answer(&question).expect("an answer");
        let writing = concepts::model::writing(&question, &authored).expect("there is a card");
        assert!(writing.guard.is_some() && writing.holds_back && writing.cache.is_none(), "{text}");
    }
    let question = asked("what is a for loop?", StudentContext::default());
    let writing = concepts::model::writing(&question, &answer(&question).expect("an answer"));
    let writing = writing.expect("there is a card");
    assert!(writing.guard.is_none() && !writing.holds_back && writing.cache.is_some());
}

/// A question that is taken for one about an exercise is answered later and not from the cache; few may be.
#[test]
fn questions_about_ideas_are_not_taken_for_exercises() {
    let files = [include_str!("questions.tsv"), include_str!("paraphrases.tsv"), include_str!("unseen.tsv")];
    let questions: Vec<&str> = files
        .iter()
        .flat_map(|file| file.lines())
        .filter_map(|line| Some(line.split_once('\t')?.1))
        .collect();
    let taken = questions
        .iter()
        .filter(|text| {
            learnflow_exercise_bank::guard_of(&asked(text, StudentContext::default()).query).is_some()
        })
        .count();
    println!("{taken} of {} questions are taken for exercises", questions.len());
    assert!(questions.len() > 500 && taken * 100 <= questions.len(), "{taken} of {}", questions.len());
}

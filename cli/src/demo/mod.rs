//! `up --demo`: a class of thirty and somebody who learns alone, with a fortnight behind them, so that every page has
//! something to show.
//!
//! Accounts and the class are made through the gateway, as people make them. What the students did is sent to the
//! broker as events ([`play`]), so agents answer, the sandbox runs and grades, and progress learns, as ever; only
//! the moment is then moved to where the plan ([`plan`]) has it. All ids are derived, so a demo that was cut short
//! goes on where it was, and one that is complete is left alone.

mod cast;
mod course;
mod people;
mod plan;
mod play;

use std::path::Path;

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::installation::{Running, write_private};

/// What is remembered of a demo, beside the data.
#[derive(Serialize, Deserialize)]
pub struct Demo {
    /// The fortnight ends here.
    until: DateTime<Utc>,
    /// Logs in everybody in it.
    password: String,
    /// Whether all of it was played.
    complete: bool,
}

impl Demo {
    const FILE: &str = "demo.json";

    fn load(data_dir: &Path) -> anyhow::Result<Self> {
        let file = data_dir.join(Self::FILE);
        if !file.is_file() {
            return Ok(Self { until: Utc::now(), password: Uuid::new_v4().to_string(), complete: false });
        }
        let text = std::fs::read(&file)?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is not readable; remove it and start again", file.display()))
    }

    fn save(&self, data_dir: &Path) -> anyhow::Result<()> {
        write_private(&data_dir.join(Self::FILE), &serde_json::to_vec_pretty(self)?)
    }
}

/// Fills a running system, and says how to log in.
///
/// # Errors
/// When the system does not do what it is asked.
pub async fn fill(running: &Running, data_dir: &Path) -> anyhow::Result<()> {
    let mut demo = Demo::load(data_dir)?;
    if !demo.complete {
        // Before anything is made: the password has to be known if this is cut short.
        demo.save(data_dir)?;
        let everybody = people::gather(running, &demo.password).await?;
        play::play(running, &everybody, demo.until).await?;
        people::look_after(running, &demo.password).await?;
        demo.complete = true;
        demo.save(data_dir)?;
    }
    let student = cast::students().first().context("a class has students")?.email();
    println!("demo       {} (teacher), {} (admin),", cast::TEACHER.1, cast::ADMIN.1);
    println!("           {student} (student); the password of all is {}", demo.password);
    Ok(())
}

//! The figures as a section of docs/benchmarks.md.

use std::fmt::Write;

use super::Figures;

/// The section.
pub fn markdown(figures: &Figures) -> String {
    let Figures { machine, seconds, absent, start_ms, speed, memory } = figures;
    let mut text = String::new();
    // Writing to a text cannot fail.
    let mut line = |args: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{args}");
    };
    line(format_args!("## The sandbox\n"));
    line(format_args!(
        "`cargo xtask bench sandbox --seconds {seconds} --write` on {} ({} cores), Linux {}, {}; load {} at the start. \
         Contestants take turns within each table. Compare within one report only.\n",
        machine.processor, machine.cores, machine.kernel, machine.python, machine.load
    ));
    for reason in absent {
        line(format_args!("Not measured: {reason}.\n"));
    }
    let python = speed.hello_ms.iter().find(|(name, _)| name.starts_with("python3"));
    line(format_args!("### Hello world, from the request to the output\n"));
    line(format_args!("| | p50 | p99 | runs | times as fast as python3 |\n|---|---:|---:|---:|---:|"));
    for (name, series) in &speed.hello_ms {
        let ratio = python.map_or(f64::NAN, |(_, python)| python.p50 / series.p50);
        line(format_args!(
            "| {name} | {:.3} ms | {:.3} ms | {} | {ratio:.1} |",
            series.p50, series.p99, series.count
        ));
    }
    line(format_args!(
        "\nEach LearnFlow run, python3 run and fresh Pyodide has an interpreter of its own.\n"
    ));
    line(format_args!("### Hello worlds per second\n"));
    line(format_args!("| | 1 client | 2 clients | 64 clients |\n|---|---:|---:|---:|"));
    for (name, [one, two, many]) in &speed.runs_per_s {
        line(format_args!("| {name} | {one:.0} | {two:.0} | {many:.0} |"));
    }
    line(format_args!("\n### Programs that compute, by their own clocks\n"));
    table(&mut line, "program", &speed.programs_ms);
    if let Some(median) = median_slowdown(&speed.programs_ms) {
        line(format_args!("\nMedian slowdown of LearnFlow against python3: {median:.2}.\n"));
    }
    line(format_args!("### Cost against a program's size\n"));
    let sizes: Vec<_> =
        speed.size_ms.iter().map(|(lines, row)| (format!("{lines} lines"), row.clone())).collect();
    table(&mut line, "size", &sizes);
    line(format_args!("\n### Limits, start and memory\n"));
    line(format_args!("| | |\n|---|---:|"));
    let late = speed.late_ms;
    line(format_args!(
        "| a busy loop is stopped after its processor time by | p50 {:.1} ms, at most {:.1} ms |",
        late.p50, late.max
    ));
    line(format_args!("| the service is ready after its start within | {start_ms:.0} ms |"));
    line(format_args!("| the idle service, all processes | {:.0} MiB |", memory.service_mib));
    line(format_args!("| a prepared interpreter | {:.2} MiB |", memory.prepared_kib / 1024.0));
    line(format_args!("| a running small program | {:.2} MiB |", memory.running_kib / 1024.0));
    let waiting = &memory.waiting;
    line(format_args!(
        "| each of {} programs that wait in `input()` | {:.2} MiB |",
        waiting.runs,
        waiting.each_kib / 1024.0
    ));
    line(format_args!("| all of them started and waiting after | {:.0} ms |", waiting.opened_ms));
    line(format_args!(
        "| hello world from nothing before and beside them (p50) | {:.2} and {:.2} ms |",
        waiting.hello_before_ms.p50, waiting.hello_beside_ms.p50
    ));
    line(format_args!("| of them ended as they should | {} |", waiting.finished));
    line(format_args!("\nMemory is the proportional set size."));
    text
}

type Row = (String, Vec<(String, f64)>);

/// A row for each program and a column for each contestant, with the ratio to python3.
fn table(line: &mut impl FnMut(std::fmt::Arguments<'_>), head: &str, rows: &[Row]) {
    let Some((_, first)) = rows.first() else { return };
    let names: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
    line(format_args!("| {head} | {} |\n|---|{}", names.join(" | "), "---:|".repeat(names.len())));
    for (name, row) in rows {
        let python = python_of(row);
        let cells: Vec<String> = row
            .iter()
            .map(|(_, ms)| match python {
                Some(python) => format!("{ms:.1} ms ({:.2}×)", ms / python),
                None => format!("{ms:.1} ms"),
            })
            .collect();
        line(format_args!("| {name} | {} |", cells.join(" | ")));
    }
}

fn python_of(row: &[(String, f64)]) -> Option<f64> {
    row.iter().find(|(name, _)| name.starts_with("python3")).map(|(_, ms)| *ms)
}

fn median_slowdown(rows: &[Row]) -> Option<f64> {
    let mut ratios: Vec<f64> =
        rows.iter().filter_map(|(_, row)| Some(row.first()?.1 / python_of(row)?)).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied()
}

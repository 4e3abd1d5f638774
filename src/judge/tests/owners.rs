//! Do several judges that share the models say together what one judge says?

use super::stream::{Driver, Stream, config, line};
use crate::judge::Finding;

fn sorted(said: &[Vec<Finding>]) -> Vec<String> {
    let mut lines: Vec<String> = said.iter().flatten().map(line).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn judges_that_share_the_models_say_together_what_one_says() {
    for (seed, silence) in [(1, false), (2, true)] {
        let stream = Stream::new(seed, silence);
        let driver = || Driver::new(&stream, config(false), silence);
        let expected = sorted(&driver().run(&stream.deltas));
        let owners: [fn(&str) -> bool; 3] =
            [|model| model == "m", |model| model == "quiet" || model == "alone", |model| model == "plain"];
        let first = stream.deltas.iter().flat_map(|delta| &delta.sums).map(|(_, _, start, _)| *start).min().unwrap();
        let mut together = Vec::new();
        for (place, of) in owners.into_iter().enumerate() {
            let mut owner = driver().of(of);
            owner.judge.set_publishes_pipeline(place == 1);
            owner.judge.note_first_inference(first);
            together.extend(owner.run(&stream.deltas));
        }
        let together = sorted(&together);
        assert_eq!(together.len(), expected.len());
        assert!(together == expected, "seed {seed}");
        // The pipeline's troubles bear on the incidents of a model whose judge does not publish them.
        let pipeline = expected.iter().filter(|line| line.contains(r#""model":null"#)).count();
        assert!(pipeline > 0);
    }
}

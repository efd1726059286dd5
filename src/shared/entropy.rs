//! Whether a secret is one that a key may be derived from: whoever runs the store can try secrets against what it
//! holds for as long as they like.

/// The bits that a key is derived from, at least.
const ENOUGH: f64 = 128.0;
/// What a word counts: one of 4,096.
const WORD: f64 = 12.0;
/// A longer one counts as two.
const LONG_WORD: usize = 10;

/// Tells whether somebody who holds what was sealed could find the secret by trying: fewer than 128 bits, as far as its
/// form tells. An estimate from above: the characters at the size of the smallest usual alphabet that has them all,
/// sequences and repetitions at next to nothing, words as words, and a UUID at what is random in it.
pub(crate) fn is_guessable(secret: &[u8]) -> bool {
    bits(secret) < ENOUGH
}

fn bits(secret: &[u8]) -> f64 {
    if is_uuid(secret) {
        return 122.0;
    }
    let each = alphabet(secret).log2();
    let by_alphabet = count(secret) as f64 * each;
    let letters: usize = words(secret).map(<[u8]>::len).sum();
    // Hexadecimal digits spell words by chance.
    if each <= 4.0 || letters * 2 < secret.len() {
        return by_alphabet;
    }
    let words: usize = words(secret).map(|word| word.len().div_ceil(LONG_WORD)).sum();
    by_alphabet.min(words as f64 * WORD + (secret.len() - letters) as f64 * each)
}

/// A size, and whether a byte is among its characters.
type Alphabet = (f64, fn(&u8) -> bool);

/// The size of the smallest of the usual alphabets that a secret is written in.
fn alphabet(secret: &[u8]) -> f64 {
    let all = |fits: fn(&u8) -> bool| secret.iter().all(fits);
    let sizes: [Alphabet; 8] = [
        (10.0, |byte| byte.is_ascii_digit()),
        (16.0, |byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte)),
        (16.0, |byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte)),
        (26.0, u8::is_ascii_lowercase),
        (26.0, u8::is_ascii_uppercase),
        (36.0, |byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()),
        (36.0, |byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()),
        (62.0, u8::is_ascii_alphanumeric),
    ];
    sizes
        .iter()
        .find(|(_, fits)| all(*fits))
        .map_or_else(|| if all(u8::is_ascii_graphic) { 64.0 } else { 95.0 }, |(size, _)| *size)
}

/// What stands in a row by a rule, six characters or more, counts little: chance does that to one secret in many thousands.
const RULE: usize = 6;

/// Counts characters; sequences (`abcdef`, `987654`, `aaaaaa`) and repetitions of what stood before count as one or two.
fn count(secret: &[u8]) -> usize {
    let mut counted = 0;
    let mut at = 0;
    while at < secret.len() {
        let repeated = (0..at).map(|from| common(&secret[from..], &secret[at..])).max().unwrap_or(0);
        let (taken, counts) = match (repeated, sequence(&secret[at..])) {
            (repeated, _) if repeated >= RULE => (repeated, 1),
            (_, sequence) if sequence >= RULE => (sequence, 2),
            _ => (1, 1),
        };
        at += taken;
        counted += counts;
    }
    counted
}

/// How many characters from the first on follow each other, or are the same: in the alphabet, or on a keyboard.
fn sequence(secret: &[u8]) -> usize {
    let by = |step: fn(u8, u8) -> Option<i16>| {
        let steps = || secret.windows(2).map(|pair| step(pair[0], pair[1]));
        let first = steps().next().flatten();
        if first.is_none() { 1 } else { 1 + steps().take_while(|step| *step == first).count() }
    };
    by(|a, b| Some(i16::from(b) - i16::from(a)).filter(|step| step.abs() <= 1)).max(by(|a, b| {
        let row = ROWS.iter().find(|row| row.contains(&a.to_ascii_lowercase()))?;
        let at = |key: u8| row.iter().position(|other| *other == key.to_ascii_lowercase());
        let step = i16::try_from(at(b)?).ok()? - i16::try_from(at(a)?).ok()?;
        (step.abs() == 1).then_some(step)
    }))
}

const ROWS: [&[u8]; 4] = [b"1234567890", b"qwertyuiop", b"asdfghjkl", b"zxcvbnm"];

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// The stretches of letters that can be spoken: three or more, a capital at most at the beginning, with a vowel and
/// without four consonants in a row.
fn words(secret: &[u8]) -> impl Iterator<Item = &[u8]> {
    let begins = |pair: &[u8]| pair[1].is_ascii_uppercase() && !pair[0].is_ascii_uppercase();
    let runs = secret.split(|byte| !byte.is_ascii_alphabetic());
    let runs = runs.flat_map(move |run| run.chunk_by(move |a, b| !begins(&[*a, *b])));
    runs.filter(|run| {
        let one_case =
            run[1.min(run.len())..].iter().all(u8::is_ascii_lowercase) || run.iter().all(u8::is_ascii_uppercase);
        let is_vowel = |letter: &u8| b"aeiouy".contains(&letter.to_ascii_lowercase());
        let unspoken = run.split(is_vowel).any(|consonants| consonants.len() >= 4);
        run.len() >= 3 && one_case && run.iter().any(is_vowel) && !unspoken
    })
}

fn is_uuid(secret: &[u8]) -> bool {
    let groups: Vec<&[u8]> = secret.split(|byte| *byte == b'-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| group.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_people_choose_is_guessable() {
        for secret in [
            "",
            "hunter2",
            "correct horse battery staple",
            "correct-horse-battery-staple-hunter2",
            "Tr0ub4dor&3",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "hunter2hunter2hunter2hunter2hunter2hunter2hunter2",
            "abcdefghijklmnopqrstuvwxyz0123456789",
            "qwertyuiopasdfghjklzxcvbnm123",
            "Sommer2024Winter2025Fruehling2026",
            "CorrectHorseBatteryStapleHunter2",
            "correcthorsebatterystaplehunter",
            "my-very-own-client-secret-for-tests",
            "12345678901234567890123456789012345678",
            "d41d8cd98f00b204e980",                 // 80 bits
            "0b5ad6b1-84b5-4f0c-9f1a-6f5dbf2c8f21", // 122 bits
        ] {
            assert!(is_guessable(secret.as_bytes()), "{secret}: {} bits", bits(secret.as_bytes()));
        }
    }

    #[test]
    fn what_issuers_make_is_not() {
        for secret in [
            "d41d8cd98f00b204e9800998ecf8427e",       // Spotify: 32 hexadecimal digits
            "4eC39HqLyjWDarjtT1zdp7dc",               // 24 letters and digits
            "KX~8Q.9rQ2mB1_vJ4zT0bY7wE5nL-cD3hG6sFp", // Entra ID
            "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",    // Google
            "xkcd9qhsw3l5m2n8b7v4c1z6a",              // 25 of 36
        ] {
            assert!(!is_guessable(secret.as_bytes()), "{secret}: {} bits", bits(secret.as_bytes()));
        }
    }

    proptest! {
        #[test]
        fn thirty_two_random_hexadecimal_digits_are_enough(bytes in any::<[u8; 16]>()) {
            let secret = crate::hex::encode(&bytes);
            // Only where chance made a sequence or a repetition is it refused, and then an explicit key helps.
            if count(secret.as_bytes()) == 32 {
                prop_assert!(!is_guessable(secret.as_bytes()));
            }
        }

        #[test]
        fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = is_guessable(&bytes);
        }
    }
}

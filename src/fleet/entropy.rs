//! Whether a secret is one that a key may be derived from. The operator of the store can try secrets against what it
//! holds, for as long as they like.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The bits that a key is derived from, at least.
const ENOUGH: f64 = 128.0;
/// The bits of a word: one of 4,096.
const WORD: f64 = 12.0;
/// The most letters that count as one word; a longer word counts as several.
const LONG_WORD: usize = 10;
/// The bits of a sign between words.
const SIGN: f64 = 3.0;

/// Returns whether an attacker with the sealed data could find the secret by trying: it has fewer than 128 bits, as far
/// as its form shows. The estimate is from above. Characters count by the size of the smallest usual alphabet that has
/// them all. Sequences and repetitions count next to nothing, and words count as words. A UUID counts by what is random
/// in it, and text in base64 as that text.
pub(crate) fn is_guessable(secret: &[u8]) -> bool {
    bits(secret) < ENOUGH
}

fn bits(secret: &[u8]) -> f64 {
    let decoded = STANDARD.decode(secret).map(Zeroizing::new).ok();
    let text = decoded.filter(|text| text.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' '));
    let within = text.map_or(f64::INFINITY, |text| as_written(&text));
    as_written(secret).min(within)
}

fn as_written(secret: &[u8]) -> f64 {
    if is_uuid(secret) {
        return 122.0;
    }
    let each = alphabet(secret).log2();
    let by_alphabet = count(secret) as f64 * each;
    // Hexadecimal digits spell words by chance.
    if each <= 4.0 { by_alphabet } else { by_alphabet.min(by_words(secret)) }
}

/// The bits of what is made of words. Infinitely many if the secret has no letters, or if fewer than half of them are
/// in words.
fn by_words(secret: &[u8]) -> f64 {
    let words = words(secret);
    let are_letters = |range: Range<usize>| secret[range].iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let letters = are_letters(0..secret.len());
    if letters == 0 || words.iter().cloned().map(are_letters).sum::<usize>() * 2 < letters {
        return f64::INFINITY;
    }
    let has = |case: fn(&u8) -> bool| secret.iter().any(case);
    let letter = if has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) { 52_f64 } else { 26.0 }.log2();
    let outside = (0..secret.len()).filter(|at| !words.iter().any(|word| word.contains(at)));
    let between = outside.map(|at| match secret[at] {
        byte if byte.is_ascii_alphabetic() => letter,
        byte if byte.is_ascii_digit() => 10_f64.log2(),
        _ => SIGN,
    });
    words.iter().map(|word| word.len().div_ceil(LONG_WORD) as f64 * WORD).chain(between).sum()
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

/// The length from which a sequence or a repetition counts little: chance makes one in one secret of many thousands.
const RULE: usize = 6;

/// Counts characters. Sequences (`abcdef`, `987654`, `aaaaaa`) count as two, and repetitions of what came before as
/// one.
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

/// Finds the stretches of letters that could be words of a language: four letters or more, or fewer if they stand by
/// themselves. A word has capitals only at the beginning or throughout, a vowel, and letters that follow each other as
/// they do in words. A sign that people write in place of a letter counts as that letter (`P@ssw0rd`).
fn words(secret: &[u8]) -> Vec<Range<usize>> {
    let is_letter = |at: usize| secret.get(at).is_some_and(u8::is_ascii_alphabetic);
    let letters: Vec<Option<u8>> = (0..secret.len())
        .map(|at| match secret[at] {
            letter if letter.is_ascii_alphabetic() => Some(letter),
            sign if at > 0 && is_letter(at - 1) && is_letter(at + 1) => read(sign),
            _ => None,
        })
        .collect();
    let mut words = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let goes_on = |next: &usize| {
            let begins = |at: usize| secret[at].is_ascii_uppercase() && !secret[at - 1].is_ascii_uppercase();
            letters[*next].is_some() && !begins(*next)
        };
        let end =
            if letters[at].is_some() { (at + 1..letters.len()).take_while(goes_on).last().unwrap_or(at) } else { at }
                + 1;
        let before = at.checked_sub(1).and_then(|before| secret.get(before));
        let stands_alone = ![before, secret.get(end)].into_iter().flatten().any(u8::is_ascii_alphanumeric);
        let word: Vec<u8> = letters[at..end].iter().flatten().copied().collect();
        if (word.len() >= 4 || stands_alone) && could_be_a_word(&word) {
            words.push(at..end);
        }
        at = end;
    }
    words
}

/// The letter that people mean by a digit or a sign.
fn read(sign: u8) -> Option<u8> {
    Some(match sign {
        b'@' | b'4' => b'a',
        b'3' => b'e',
        b'1' | b'!' => b'i',
        b'0' => b'o',
        b'5' | b'$' => b's',
        b'7' => b't',
        _ => return None,
    })
}

fn could_be_a_word(letters: &[u8]) -> bool {
    let one_case = letters.iter().skip(1).all(u8::is_ascii_lowercase) || letters.iter().all(u8::is_ascii_uppercase);
    let lower = letters.to_ascii_lowercase();
    let usual = lower.windows(2).filter(|pair| FOLLOWS[usize::from(pair[0] - b'a')].contains(&pair[1])).count();
    one_case && lower.iter().any(|letter| b"aeiouy".contains(letter)) && usual * 5 >= (lower.len() - 1) * 4
}

/// What follows each letter in 94 of 100 places of English words; of random letters, in 37.
const FOLLOWS: [&[u8]; 26] = [
    b"bcdgiklmnprstuvwy",
    b"aeilorsu",
    b"acehiklorstu",
    b"adeilorsu",
    b"abcdefgilmnopqrstvwx",
    b"aefiloru",
    b"aehilnorsu",
    b"aeiort",
    b"abcdefglmnoprstvxz",
    b"aeou",
    b"eis",
    b"adeilostuy",
    b"abeimopsu",
    b"acdefgiknostuv",
    b"abcdfgiklmnoprstuvw",
    b"aehiloprstu",
    b"u",
    b"acdefgiklmnorstuvy",
    b"acehilmopstuy",
    b"acehilorstuy",
    b"abcdefgilmnprst",
    b"aei",
    b"aehinor",
    b"eipt",
    b"ps",
    b"e",
];

fn is_uuid(secret: &[u8]) -> bool {
    let groups: Vec<&[u8]> = secret.split(|byte| *byte == b'-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| group.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

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
            "acme-corp-prod-2024-09-01-billing-api",
            "P@ssw0rd!S3cr3t!K3y!2024!ABC",
            "my$ecretCl13ntKey_prod#2024!v1",
            "MyCompanyName2024SecretKeyForProd",
            "cGFzc3dvcmQxMjNwYXNzd29yZA==", // base64 of a password
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
            let secret = crate::encoding::hex::encode(&bytes);
            // It is refused only if chance made a sequence or a repetition; then an explicit key helps.
            if count(secret.as_bytes()) == 32 {
                prop_assert!(!is_guessable(secret.as_bytes()));
            }
        }

        #[test]
        fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = is_guessable(&bytes);
        }
    }

    /// An issuer that makes its secrets at random must hardly ever be refused. The secrets are the same in every run:
    /// how many of five hundred are refused varies too much for a bound.
    #[test]
    fn random_letters_and_digits_spell_few_words() {
        let (mut runner, strategy) = (TestRunner::deterministic(), "[A-Za-z0-9]{24}");
        let secrets = (0..10_000).map(|_| strategy.new_tree(&mut runner).unwrap().current());
        let refused = secrets.filter(|secret| is_guessable(secret.as_bytes())).count();
        assert!(refused <= 50, "{refused} of 10,000");
    }
}

"""`pii` on values that others make, in sentences, and on prose without any; beside Presidio's recognizers.

usage: OUTCROSS=build/release/outcross pii_planted.py [-v] [-n 20] [PROSE.txt...]
needs: pip install faker==40.54.0 phonenumbers==9.0.43 schwifty==2026.10.1 presidio-analyzer==2.2.366
       (Presidio's pattern recognizers alone: no model is downloaded)

Planted, one value a sentence: e-mail addresses and phone numbers of each of Faker's locales; for every
country phonenumbers' example of a fixed line and a mobile, in the international, national and E.164
form; IBANs of every country schwifty knows; cards of Faker's issuers; addresses drawn from all that
Python's ipaddress calls global. National phone numbers stand behind a word that says what they are
(`told`) or not (`bare`, where most are no more than digits). Found is what is masked from the first
byte of the value to its last. Prose: WordNet's glosses, GSM8K, IFEval (OUTCROSS_SHARED) and the files
given; what is found there is printed with -v.
"""
import ipaddress
import json
import logging
import math
import os
import random
import re
import string
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict

import phonenumbers
import schwifty.registry
from faker import Faker
from faker.config import AVAILABLE_LOCALES
from presidio_analyzer.predefined_recognizers import (CreditCardRecognizer, EmailRecognizer, IbanRecognizer,
                                                      IpRecognizer, PhoneRecognizer)

logging.disable(logging.ERROR)  # the list of domain endings is not fetched: the one that ships serves
PLAIN = ["We met {} on the way.", "{}", "The note said only {}, nothing else.", "Voici: {}.", "Siehe {} (neu).",
         "\u8bf7\u8bb0\u4e0b{}\u3002", "a;{};b"]
TOLD = {"email": ["Write to {} today.", "E-Mail: {}", "Contact: <{}>."], "phone": ["Call {} today.", "Tel.: {}", "Phone {}"],
        "iban": ["IBAN: {}", "Pay to {}, please."], "card": ["Card {} was charged.", "Visa: {}."],
        "ip": ["The server at {} answers.", "from {} port 22", "ping {}"]}


def planted(n):
    """(kind, group, value, sentence)"""
    r = random.Random(7)
    for locale in sorted(AVAILABLE_LOCALES):
        fake = Faker(locale)
        fake.seed_instance(locale)
        for i in range(n):
            yield "email", locale, fake.email(), r.choice(PLAIN + TOLD["email"])
            yield "email", locale + " company", fake.company_email(), r.choice(PLAIN + TOLD["email"])
            try:
                number = fake.phone_number()
            except AttributeError:  # a locale of a language without a country
                continue
            yield "phone told", locale, number, r.choice(TOLD["phone"])
            if number.startswith("+"):
                yield "phone +", locale, number, r.choice(PLAIN)
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
            x = phonenumbers.example_number_for_type(region, kind)
            if x is None:
                continue
            f = phonenumbers.PhoneNumberFormat
            national = phonenumbers.format_number(x, f.NATIONAL)
            for form in (f.INTERNATIONAL, f.E164):
                yield "phone +", region, phonenumbers.format_number(x, form), r.choice(PLAIN)
            yield "phone told", region, national, r.choice(TOLD["phone"])
            yield "phone bare", region, national, PLAIN[0]
    for country in (a + b for a in string.ascii_uppercase for b in string.ascii_uppercase):
        for i in range(n):
            try:
                iban = schwifty.IBAN.random(country_code=country, random=r, use_registry=False)
            except Exception:  # no IBANs there, or no rule for account numbers
                break
            if not iban.is_aspirational:  # a country whose form is registered
                yield "iban", country, r.choice([str(iban), iban.formatted]), r.choice(PLAIN + TOLD["iban"])
    fake = Faker("en_US")
    fake.seed_instance(3)
    for issuer in ("amex", "diners", "discover", "jcb15", "jcb16", "mastercard", "visa13", "visa16", "visa19", "maestro"):
        for i in range(5 * n):
            digits = fake.credit_card_number(issuer)
            groups = [digits[:4], digits[4:10], digits[10:]] if len(digits) < 16 else re.findall("....|.+", digits)
            yield "card", issuer, r.choice(["", " ", "-"]).join(groups) if len(digits) > 13 else digits, \
                r.choice(PLAIN + TOLD["card"])
    for version in (4, 6):
        made = 0
        while made < 50 * n:
            x = ipaddress.IPv4Address(r.getrandbits(32)) if version == 4 else \
                ipaddress.IPv6Address(0x2 << 124 | r.getrandbits(125) & ~(r.getrandbits(1) * (2 ** 64 - 1) & ~0xff))
            if x.is_global and not x.is_multicast:
                made += 1
                yield "ip", "IPv%d" % version, str(x), r.choice(PLAIN + TOLD["ip"])


class Peer:
    made = [("email", EmailRecognizer(), "EMAIL_ADDRESS"), ("ip", IpRecognizer(), "IP_ADDRESS"),
            ("iban", IbanRecognizer(), "IBAN_CODE"), ("card", CreditCardRecognizer(), "CREDIT_CARD"),
            ("phone", PhoneRecognizer(), "PHONE_NUMBER")]

    def spans(self, text):
        return [(kind, x.start, x.end) for kind, one, entity in self.made
                for x in one.analyze(text, [entity], None)]


def masked(texts):
    with tempfile.TemporaryDirectory() as tmp:
        with open(tmp + "/in.jsonl", "w", encoding="utf-8") as f:
            f.writelines(json.dumps({"text": t}) + "\n" for t in texts)
        subprocess.run([os.environ["OUTCROSS"], "curate", tmp + "/in.jsonl", "--do", "pii: {mask: typed}", "-o",
                        tmp + "/out.jsonl", "-q"], check=True)
        with open(tmp + "/out.jsonl", encoding="utf-8") as f:
            return [json.loads(line)["text"] for line in f]


def wilson(k, n):
    z, p = 1.96, k / n
    middle, half = p + z * z / 2 / n, z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n)
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def recall(n, verbose):
    rows = list(planted(n))
    texts = [form.format(value) for _, _, value, form in rows]
    peer = Peer()
    count, groups, missed = defaultdict(Counter), defaultdict(Counter), defaultdict(list)
    for (kind, group, value, form), text, out in zip(rows, texts, masked(texts)):
        tag = kind.split(" ")[0]
        at = form.index("{}")
        found = out == form.replace("{}", "<%s>" % tag)
        theirs = any(k == tag and a <= at and b >= at + len(value) for k, a, b in peer.spans(text))
        sort = kind if kind != "ip" else group
        count[sort].update(n=1, ours=found, peer=theirs, partly=not found and out != text)
        groups[sort, group].update(n=1, ours=found, peer=theirs)
        if not found:
            missed[sort, group].append((text, out))
    print("%-12s %6s  %-24s %7s  %s" % ("planted", "values", "recall (95 %)", "partly", "Presidio's recall"))
    for sort, c in count.items():
        print("%-12s %6d  %.4f (%.4f to %.4f)  %6d  %.4f" % (
            sort, c["n"], c["ours"] / c["n"], *wilson(c["ours"], c["n"]), c["partly"], c["peer"] / c["n"]))
        worst = sorted((g["ours"] / g["n"], group, g) for (s, group), g in groups.items() if s == sort and g["ours"] < g["n"])
        if worst:
            print("    least: " + ", ".join("%s %d of %d" % (group, g["ours"], g["n"]) for _, group, g in worst[:24]))
        if verbose:
            for _, group, g in worst:
                for text, out in missed[sort, group][:3]:
                    print("        %-12s %r -> %r" % (group, text, out))


def prose(paths):
    shared = os.path.join(os.environ.get("OUTCROSS_SHARED", "../shared"), "data", "text")
    out = {}
    if os.path.exists("/usr/share/wordnet/data.noun"):
        with open("/usr/share/wordnet/data.noun", encoding="utf-8") as f:
            out["WordNet"] = [line.split(" | ")[1].strip() for line in f if " | " in line]
    if os.path.isdir(shared):
        with open(shared + "/gsm8k_train.jsonl", encoding="utf-8") as f:
            out["GSM8K"] = [row[k] for row in map(json.loads, f) for k in ("question", "answer")]
        with open(shared + "/ifeval_input_data.jsonl", encoding="utf-8") as f:
            out["IFEval"] = [json.loads(line)["prompt"] for line in f]
    for path in paths:
        with open(path, encoding="utf-8", errors="replace") as f:
            out[os.path.basename(path)] = [p for p in f.read().split("\n\n") if p.strip()]
    return out


def precision(paths, verbose):
    peer = Peer()
    print("\n%-12s %7s  %-40s %s" % ("prose", "MB", "found here", "by Presidio"))
    for name, texts in prose(paths).items():
        ours, theirs = Counter(), Counter()
        for text, out in zip(texts, masked(texts)):
            tags = Counter(re.findall("<(email|ip|phone|iban|card)>", out)) - Counter(re.findall("<(email|ip|phone|iban|card)>", text))
            ours += tags
            if verbose and tags:
                print("    ours: %.300r" % out)
            for kind, a, b in peer.spans(text):
                theirs[kind] += 1
        print("%-12s %7.2f  %-40s %s" % (name, sum(len(t.encode()) for t in texts) / 1e6, dict(ours), dict(theirs)))


def main():
    args = sys.argv[1:]
    verbose = "-v" in args
    n = int(args[args.index("-n") + 1]) if "-n" in args else 20
    files = [a for i, a in enumerate(args) if a not in ("-v", "-n") and (i == 0 or args[i - 1] != "-n")]
    recall(n, verbose)
    precision(files, verbose)


main()

"""What the verifier says of pairs of short texts written for it."""

from __future__ import annotations

import pytest

from dedup.config import VerifyConfig
from dedup.normaliser.key import make_key
from dedup.records import ScoredPair
from dedup.verify import Overlap, View, relate

DAY = 86_400_000_000

LEAD = (
    "The harbour board of Westmoor voted on Tuesday to close the old grain terminal after engineers found "
    "cracks in 14 of its 30 concrete silos. The decision ends a dispute that has divided the town since 1998."
)
COST = (
    "Chairwoman Helen Brandt said the closure would cost the port about $5 million a year in fees, "
    "but that repairs would take far longer than the insurers were willing to wait."
)
UNION = (
    "Dockers' union leader Tom Okafor called the vote a disgrace and promised to fight for the "
    "220 jobs at the "
    "terminal. He said members would meet in the fishermen's hall before the end of the week."
)
HISTORY = (
    "The terminal opened in 1931 and once loaded a quarter of the region's wheat. Traffic moved"
    " to the deep-water "
    "quay at Sandhaven when ships grew too large for the inner basin."
)
NEXT = (
    "Demolition could begin in the autumn if the county approves the plan, and the board wants the land for "
    "warehouses, a ferry berth and a small museum of the grain trade."
)
STORY = "\n\n".join([LEAD, COST, UNION, HISTORY, NEXT])
LOCAL = (
    "In Elmsford, where many of the dockers live, shopkeepers said they feared a hard winter. "
    "Baker Rosa Lindqvist "
    "said half of her morning customers work at the terminal, and the town's mayor, Piet "
    "Harmsen, asked for a "
    "meeting with the governor before any wall comes down."
)


def view(text: str, **fields: object) -> View:
    title = fields.pop("title", None)
    tokens = make_key(str(title))[0].split() if title else ()
    key, classes = make_key(text)
    return View(key.encode(), classes, title_tokens=tokens, **fields)  # type: ignore[arg-type]


def shingles(v: View) -> set[tuple[str, ...]]:
    n = 5 if v.classes and v.classes[0] & 16 else 3
    return {tuple(v.tokens[i : i + n]) for i in range(max(1, v.n_tokens - n + 1))}


def judge(a: str | View, b: str | View, **config: object) -> ScoredPair:
    a = a if isinstance(a, View) else view(a)
    b = b if isinstance(b, View) else view(b)
    x, y = shingles(a), shingles(b)
    return relate(a, b, Overlap(len(x & y), len(x), len(y)), config=VerifyConfig(**config))  # type: ignore[arg-type]


def dropped(pair: ScoredPair) -> bool:
    return pair.relation in ("near", "contained")


def test_the_first_half_of_a_story_is_contained_in_the_full_one():
    pair = judge(STORY, "\n\n".join([LEAD, COST, UNION]))
    assert (pair.relation, pair.fuller) == ("contained", 0)


def test_the_first_fifth_is_contained_too():
    pair = judge("\n\n".join([LEAD, COST]), STORY)
    assert (pair.relation, pair.fuller) == ("contained", 1)


def test_added_local_paragraphs_make_the_longer_text_the_fuller_one():
    pair = judge(STORY, f"{STORY}\n\n{LOCAL}")
    assert (pair.relation, pair.fuller) == ("contained", 1)


def test_a_cut_with_a_local_paragraph_of_its_own_is_partial():
    pair = judge(STORY, "\n\n".join([LEAD, COST, UNION, LOCAL]))
    assert (pair.relation, pair.fuller) == ("partial", None)


def test_a_light_edit_is_near():
    edited = STORY.replace("divided the town", "split the town").replace("far longer", "much longer")
    assert judge(STORY, edited).relation == "near"


def test_quotes_in_another_order_are_near():
    assert judge(STORY, "\n\n".join([LEAD, UNION, COST, HISTORY, NEXT])).relation == "near"


def test_a_changed_toll_with_new_paragraphs_is_revised():
    update = STORY.replace("14 of its", "17 of its") + "\n\n" + LOCAL
    assert judge(STORY, update).relation == "revised"


def test_one_changed_number_alone_keeps_both():
    assert not dropped(judge(STORY, STORY.replace("220 jobs", "180 jobs")))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("14 of its 30", "fourteen of its 30"),
        ("$5 million", "5 million dollars"),
        ("$5 million", "$5 mln"),
        ("harbour board", "harbor board"),
        ("on Tuesday", "on May 3"),
        ("Tom Okafor", "Okafor"),
        ("Helen Brandt", "Helen Brandtt"),
    ],
)
def test_a_fact_in_another_form_is_the_same_fact(one: str, other: str):
    assert one in STORY
    assert judge(STORY, STORY.replace(one, other)).relation == "near"


@pytest.mark.parametrize(
    ("one", "other"),
    [("on Tuesday", "on Friday"), ("1998", "1999"), ("$5 million", "$6 million")],
)
def test_another_fact_in_the_same_place_is_another_fact(one: str, other: str):
    assert not dropped(judge(STORY, STORY.replace(one, other)))


NOTICE = (
    "{company} said its board has declared a quarterly dividend of {cents} cents a share, "
    "payable on {month} 15 "
    "to holders of record at the close of business on {month} 1. The company has {shares} shares outstanding."
)


def test_two_filled_in_forms_are_a_template():
    one = NOTICE.format(company="Calder Mills Inc", cents=12, month="March", shares=4100000)
    two = NOTICE.format(company="Bexley Tool Corp", cents=31, month="June", shares=930000)
    assert judge(one, two).relation == "template"


def test_one_company_in_two_quarters_is_a_template():
    one = NOTICE.format(company="Calder Mills Inc", cents=12, month="March", shares=4100000)
    two = NOTICE.format(company="Calder Mills Inc", cents=12, month="June", shares=4100000)
    assert judge(one, two).relation in ("template", "revised")


def test_short_flashes_that_differ_in_the_bank_are_kept():
    one = "Northgate Bank said it is raising its prime rate to 7.75 pct from 7.50 pct, effective immediately."
    assert not dropped(judge(one, one.replace("Northgate Bank", "Severn Trust")))


def test_a_bill_that_moved_from_committee_to_the_full_house_is_another_event():
    one = STORY.replace("The harbour board of Westmoor voted", "The Senate Ports Committee of Westmoor voted")
    two = STORY.replace("The harbour board of Westmoor voted", "The Senate of Westmoor voted")
    assert not dropped(judge(one, two))


def test_rate_raised_and_rate_cut_are_two_stories():
    text = "Norland's central bank {} its key rate in Oster on the grounds that prices were moving. " + COST
    assert not dropped(judge(text.format("raised"), text.format("lowered")))


def test_furniture_around_the_shorter_text_does_not_save_it():
    shorter = "\n\n".join([LEAD, COST, UNION])
    framed = (
        "Mayor Opens Summer Fair\nRiver Level Falls Again\nSchool Board Picks New Head\n\n"
        f"{shorter}\n\nContact: Newsdesk 202 224 5521\n"
    )
    pair = judge(STORY, framed)
    assert (pair.relation, pair.fuller) == ("contained", 0)


def test_two_datelines_and_headlines_on_one_body_are_near():
    one = f"BOARD SHUTS GRAIN TERMINAL\n\nWESTMOOR, May 3 (AFP) - {STORY}"
    two = f"Silos To Close In Westmoor Port\n\nWESTMOOR, Tuesday, 3 May 2005 (Reuters) - {STORY}"
    assert judge(one, two).relation == "near"


def test_house_lines_carry_no_weight():
    import numpy as np

    from dedup.verify import line_hashes

    house = "Our readers keep this paper alive, so please give to the fund that pays our reporters."
    a, b = view("\n\n".join([LEAD, COST, house, UNION])), view(STORY)
    x, y = shingles(a), shingles(b)
    overlap = Overlap(len(x & y), len(x), len(y))
    assert not dropped(relate(a, b, overlap))
    pair = relate(a, b, overlap, np.sort(line_hashes(view(house))))
    assert (pair.relation, pair.fuller) == ("contained", 1)


def test_a_correction_is_not_dropped_for_what_it_corrects():
    corrected = "\n\n".join([LEAD, COST, UNION]) + "\n\n(Corrects spelling of name in second paragraph)"
    assert not dropped(judge(STORY, corrected))


def test_dates_further_apart_than_allowed_keep_both():
    a, b = view(STORY, date=0), view(STORY + "\n\n" + LOCAL, date=9 * DAY)
    assert judge(a, b).relation == "contained"
    assert judge(a, b, max_days=7).relation == "related"


def test_a_short_notice_reworded_days_later_is_another_notice():
    form = "The Oster treasury said it {} its weekly lending terms unchanged after a {} of its credit panel."
    one, two = form.format("left", "meeting"), form.format("kept", "session")
    assert dropped(judge(view(one, date=0), view(two, date=DAY)))
    assert not dropped(judge(view(one, date=0), view(two, date=7 * DAY)))


def test_strict_drops_no_reworded_text():
    edited = STORY
    edited = edited.replace("divided the town", "split the people there")
    edited = edited.replace("far longer", "a great deal more time")
    edited = edited.replace("promised to fight for", "said he would defend to the last")
    assert dropped(judge(STORY, edited))
    assert not dropped(judge(STORY, edited, profile="strict"))


def test_ocr_forgives_letters_taken_for_others():
    damaged = STORY.replace("Helen Brandt", "Hcleu Brnndt").replace("terminal", "terrninal")
    damaged = damaged.replace("1931", "l93l")
    assert dropped(judge(STORY, damaged, profile="ocr"))


def test_ocr_does_not_forgive_another_number():
    assert not dropped(judge(STORY, STORY.replace("220 jobs", "180 jobs"), profile="ocr"))


CHINESE = (
    "港务局周二投票决定关闭旧粮食码头,工程师在30个筒仓中的14个发现裂缝。这一决定结束了自1998年以来的争论。"
    "局长表示,关闭将使港口每年损失约500万元,但维修所需时间更长。工会领导人称投票是耻辱,并承诺为220个岗位而战。"
    "码头于1931年启用,曾装运该地区四分之一的小麦。如果县里批准,拆除工作可能在秋季开始。"
)
ARABIC = (
    "صوت مجلس الميناء يوم الثلاثاء على إغلاق محطة الحبوب القديمة بعد أن وجد المهندسون شقوقا في "
    "14 من 30 صومعة. "
    "وقالت الرئيسة إن الإغلاق سيكلف الميناء نحو 5 ملايين دولار سنويا، لكن الإصلاح سيستغرق وقتا أطول بكثير. "
    "ووصف زعيم النقابة التصويت بأنه عار ووعد بالدفاع عن 220 وظيفة في المحطة التي افتتحت عام 1931."
)
GERMAN = (
    "Der Hafenrat stimmte am Dienstag für die Schließung des alten Getreideterminals, nachdem "
    "Ingenieure Risse in "
    "14 der 30 Silos gefunden hatten. Die Entscheidung beendet einen Streit, der die Stadt seit"
    " 1998 geteilt hat. "
    "Die Vorsitzende sagte, die Schließung werde den Hafen etwa 5 Millionen Euro im Jahr kosten, aber die "
    "Reparatur würde viel länger dauern, als die Versicherer warten wollten."
)


@pytest.mark.parametrize("text", [CHINESE, ARABIC, GERMAN])
def test_numbers_are_facts_in_every_script(text: str):
    other = text.replace("1998", "2003").replace("14", "21").replace("220", "310")
    assert not dropped(judge(text, other))
    assert judge(text, text[: text.index("5") - 2]).relation == "contained"


def test_a_noun_edited_in_german_is_no_other_fact():
    assert dropped(judge(GERMAN, GERMAN.replace("einen Streit", "einen Zwist")))


@pytest.mark.parametrize(
    "other",
    [
        "\n\n".join([LEAD, COST]),
        "\n\n".join([UNION, LEAD, LOCAL]),
        STORY.replace("14", "15"),
        LOCAL + HISTORY,
    ],
)
def test_the_order_of_a_pair_does_not_matter(other: str):
    one, two = judge(STORY, other), judge(other, STORY)
    assert one.relation == two.relation
    assert one.reason == two.reason
    assert one.fuller == {0: 1, 1: 0, None: None}[two.fuller]
    assert one.features["extra"] == -two.features["extra"]


def test_the_reason_names_the_rule_and_its_values():
    pair = judge(STORY, STORY.replace("220 jobs", "180 jobs"))
    assert "number 220 against 180" in pair.reason or "number 180 against 220" in pair.reason


ROUND_UP = "\n\n".join(
    [
        "Anglers at Loch Torran landed a pike of nineteen kilos, the heaviest of the year, and freed it.",
        "The choir of Saint Aldate sang in the market hall until midnight to pay for a new organ.",
        "A tram driver in Kellmouth found a tortoise on the rails; its owner had missed it since summer.",
        "Bakers in Ostwick want to be told when the gas is shut off, their guild wrote to the mayor.",
    ]
)


def test_a_round_up_that_holds_a_brief_is_a_digest():
    pair = judge(LEAD, f"{ROUND_UP}\n\n{LEAD}\n\n{ROUND_UP[::-1]}")
    assert (pair.relation, pair.fuller) == ("digest", None)


def test_the_first_paragraph_of_a_long_story_is_no_item_of_a_digest():
    assert judge(LEAD, f"{STORY}\n\n{LOCAL}").relation == "contained"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("220 jobs", "two hundred and twenty jobs"),
        ("since 1998", "since nineteen ninety eight"),
        ("14 of its 30", "fourteen of its thirty"),
    ],
)
def test_a_number_in_several_words_is_the_same_fact(one: str, other: str):
    assert judge(STORY, STORY.replace(one, other)).relation == "near"


def test_a_long_number_with_one_other_digit_is_another_number():
    one = STORY.replace("220 jobs", "22750 jobs")
    assert not dropped(judge(one, one.replace("22750", "22850")))


@pytest.mark.parametrize(("day", "same"), [("May 3", True), ("May 4", False)])
def test_a_weekday_is_a_date_only_if_it_falls_on_it(day: str, same: bool):
    published = 1_114_905_600_000_000  # Sunday, 1 May 2005
    a, b = view(STORY, date=published), view(STORY.replace("on Tuesday", f"on {day}"), date=published)
    assert dropped(judge(a, b)) == same


def test_a_story_reworded_weeks_later_is_about_the_next_event():
    edited = STORY.replace("divided the town", "split the place").replace("far longer", "much more time")
    edited = edited.replace("promised to fight for", "vowed that he would defend")
    edited = edited.replace("once loaded", "used to load").replace("ships grew", "vessels became")
    assert dropped(judge(view(STORY, date=0), view(edited, date=5 * DAY)))
    assert not dropped(judge(view(STORY, date=0), view(edited, date=45 * DAY)))


def test_a_short_notice_of_one_source_that_returns_in_other_words_is_kept():
    edited = STORY.replace("divided the town", "split the place").replace("once loaded", "used to load")
    one, other = view(STORY, date=0, source="Post"), view(edited, date=5 * DAY, source="Post")
    assert not dropped(judge(one, other))
    assert dropped(judge(one, view(edited, date=5 * DAY, source="Herald")))
    assert dropped(judge(one, view(edited, date=DAY, source="Post")))


def test_a_yearly_notice_with_another_opening_is_the_next_one():
    one = view(STORY, date=0, source="Post")
    other = view(
        f"The board, now in its ninth decade, met in the new hall. {STORY}", date=366 * DAY, source="Post"
    )
    assert not dropped(judge(one, other))


def test_a_clause_of_new_words_is_not_lost():
    one = STORY.replace("cracks in 14", "rust, gaping welded joints and cracks in 14")
    other = STORY.replace("Traffic moved", "Traffic of barges, lighters, ketches and schooners moved")
    pair = judge(one, other)
    assert not dropped(pair)
    assert "a clause with 4 words" in pair.reason
    assert judge(one, STORY).fuller == 0


def test_a_number_that_only_one_text_has_is_not_lost():
    one = STORY.replace("the county approves", "the county approves bill 938 and")
    other = STORY.replace("to fight for the", "to fight, aged 61, for the")
    assert not dropped(judge(one, other))
    assert judge(one, STORY).fuller == 0


def test_another_round_of_grants_is_another_grant():
    one = STORY.replace("voted on Tuesday", "voted in a second round on Tuesday")
    assert not dropped(judge(one, one.replace("second", "third")))


def test_begun_is_not_completed():
    one = STORY.replace("voted on Tuesday to close", "began on Tuesday to empty")
    assert not dropped(judge(one, one.replace("began", "completed")))


def test_a_year_at_the_end_of_the_last_sentence_is_no_contact():
    one = STORY.replace("of the grain trade.", "of the grain trade in 1997.")
    later = one.replace("1997.", "2003.") + "\n\n" + LOCAL
    assert not dropped(judge(one, later))


def test_a_name_replaced_throughout_a_text_without_capitals_is_another_subject():
    one = CHINESE + "港务局将于下周公布报告。港务局的会议对市民开放。"
    pair = judge(one, one.replace("港务", "铁路"))
    assert pair.relation == "template"


def test_a_web_address_is_no_fact():
    assert judge(STORY, f"{STORY} See http://westmoor.example/p110506.pdf").relation == "near"


def test_an_update_with_two_other_numbers_and_new_paragraphs_is_revised_and_no_template():
    update = "\n\n".join([LEAD.replace("14", "17"), COST, LOCAL, UNION.replace("220", "260"), HISTORY, NEXT])
    assert judge("\n\n".join([LEAD, COST, UNION]), update).relation == "revised"

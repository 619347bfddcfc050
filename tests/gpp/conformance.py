#!/usr/bin/env python3
"""Prints the conformance table of the GPP decoder: tests/gpp/conformance.tsv is its output.

For each section 6 to 27 strings that allow, and one for every way to deny, each with the derivation of its bits, by the
encoder of reference.py. Then strings that other people published. The table is a file of its own, so that a change of
a decision shows in a diff.
"""

import reference as ref

NAMES = {
    7: "usnat", 8: "usca", 9: "usva", 10: "usco", 11: "usut", 12: "usct", 13: "usfl", 14: "usmt", 15: "usor",
    16: "ustx", 17: "usde", 18: "usia", 19: "usne", 20: "usnh", 21: "usnj", 22: "ustn", 23: "usmn", 24: "usmd",
    25: "usin", 26: "usky", 27: "usri"}

NO_NOTICE = {
    "ProcessingNotice": "gpp_no_processing_notice",
    "SharingNotice": "gpp_no_sharing_notice",
    "SaleOptOutNotice": "gpp_no_sale_notice",
    "SharingOptOutNotice": "gpp_no_sharing_opt_out_notice",
    "TargetedAdvertisingOptOutNotice": "gpp_no_targeted_notice",
    "SensitiveDataProcessingOptOutNotice": "gpp_no_sensitive_notice",
    "SensitiveDataOptOutNotice": "gpp_no_sensitive_notice",
    "SensitiveDataLimitUseNotice": "gpp_no_limit_use_notice"}
SENSITIVE_NOTICES = ("SensitiveDataProcessingOptOutNotice", "SensitiveDataOptOutNotice", "SensitiveDataLimitUseNotice")
OPT_OUT = {"SaleOptOut": "sale", "SharingOptOut": "sharing", "TargetedAdvertisingOptOut": "targeted"}
IN_PLAY = {6: "genetic", 7: "biometric", 9: "government_id", 10: "account_login", 12: "message_content",
           14: "victim_of_crime", 16: "transgender"}


def row(section, string, decision, reason, derivation, sid="", under_age=18):
    print(section, under_age, sid or "", string, decision, reason or "-", derivation, sep="\t")


def set_value(said, name, slot, value):
    copy = {key: list(old) if isinstance(old, list) else old for key, old in said.items()}
    if slot is None:
        copy[name] = value
    else:
        copy[name][slot] = value
    return copy


class Section:
    def __init__(self, section, version):
        self.id, self.version = section, version
        self.fields = ref.FIELDS[section, version]
        self.sub_fields = [("SensitiveDataProcessing", 8)] if section in ref.SENSITIVE_SECTIONS else []
        self.label = f"{NAMES[section]}{' version ' + str(version) if section == 7 else ''}"

    def base(self):
        """Every notice given, nobody opted out, nothing sensitive, no child, covered, not a service provider."""
        said = {}
        for name, count in self.fields:
            value = 1 if name.endswith("Notice") else 2 if name in OPT_OUT else 0
            value = {"MspaCoveredTransaction": 1, "MspaOptOutOptionMode": 1, "MspaServiceProviderMode": 2,
                     "MspaMode": 1}.get(name, value)
            said[name] = [value] * count if count else value
        return said

    def core(self, said, octets=False):
        return ref.pad(ref.section_bits(self.id, self.version, said), octets)

    def sub(self, answers):
        return ref.pad("".join(format(answer, "02b") for answer in answers))

    def allow(self, text, why, **more):
        row(self.id, ref.write({self.id: text}), "allow", None, f"{self.label}: {why}", **more)

    def deny(self, text, reason, why, **more):
        row(self.id, ref.write({self.id: text}), "deny", reason, f"{self.label}: {why}", **more)

    def meanings(self, slots):
        return ref.SENSITIVE_NUMBERS.get(self.id, [[i + 1] for i in range(slots)])

    def rows(self):
        base = self.base()
        self.allow(self.core(base), "notices 1, opt-outs 2, sensitive and children 0, covered 1, modes 1 and 2")
        self.allow(self.core(base, octets=True), "the same, padded to eight bits, then to six")
        nothing = {name: [0] * count if count else 0 for name, count in self.fields}
        nothing["MspaCoveredTransaction"] = 2
        self.allow(self.core(nothing), "nothing applies: every field 0, covered 2")
        self.fields_of_core(base)
        if self.sub_fields:
            self.sensitive_sub(base)
        else:
            self.sensitive(base, lambda answers: self.core({**base, "SensitiveDataProcessing": answers}),
                           dict(self.fields).get("SensitiveDataProcessing", 0))
        self.children(base)
        self.form(base)
        self.gpc(base)
        if self.id >= 24:
            self.own_header(base)

    def fields_of_core(self, base):
        for name, count in self.fields:
            for slot in range(count) if count else [None]:
                where = name if slot is None else f"{name}[{slot + 1}]"
                self.deny(self.core(set_value(base, name, slot, 3)), "gpp_value_reserved", f"{where} = 3")
            if name in NO_NOTICE:
                # Montana's SharingNotice is described as a notice of the processing
                reason = NO_NOTICE["ProcessingNotice" if (self.id, name) == (14, "SharingNotice") else name]
                self.deny(self.core(set_value(base, name, None, 2)), reason, f"{name} = 2, no notice")
            if name in OPT_OUT:
                self.opt_out(base, name)
        for name in ("PersonalDataConsents", "AdditionalDataProcessingConsent"):
            if name in base:
                self.deny(self.core(set_value(base, name, None, 1)), "gpp_personal_data_refused", f"{name} = 1")
                self.allow(self.core(set_value(base, name, None, 2)), f"{name} = 2, consent")
        self.deny(self.core(set_value(base, "MspaCoveredTransaction", None, 0)), "gpp_mspa_covered_undefined",
                  "MspaCoveredTransaction = 0")
        self.allow(self.core(set_value(base, "MspaCoveredTransaction", None, 2)), "MspaCoveredTransaction = 2")
        mode, on = ("MspaMode", 2) if self.id >= 24 else ("MspaServiceProviderMode", 1)
        self.deny(self.core(set_value(base, mode, None, on)), "gpp_service_provider_mode", f"{mode} = {on}")
        if self.id < 24:
            self.allow(self.core(set_value(base, "MspaOptOutOptionMode", None, 2)), "MspaOptOutOptionMode = 2")

    def opt_out(self, base, name):
        kind = OPT_OUT[name]
        self.deny(self.core(set_value(base, name, None, 1)), f"gpp_{kind}_opt_out", f"{name} = 1, opted out")
        self.allow(self.core(set_value(base, name, None, 0)), f"{name} = 0 although notice was given")
        without = set_value(base, name + "Notice", None, 0)
        self.deny(self.core(without), f"gpp_{kind}_contradiction", f"{name} = 2, {name}Notice = 0")
        self.allow(self.core(set_value(without, name, None, 0)), f"{name} = 0, {name}Notice = 0")
        self.deny(self.core(set_value(without, name, None, 1)), f"gpp_{kind}_opt_out", f"{name} = 1, {name}Notice = 0")
        if name == "SharingOptOut" and "SharingNotice" in base:
            self.deny(self.core(set_value(base, "SharingNotice", None, 0)), "gpp_sharing_contradiction",
                      "SharingOptOut = 2, SharingNotice = 0")

    def sensitive(self, base, write, slots):
        notices = [name for name in SENSITIVE_NOTICES if name in base]
        for slot, numbers in enumerate(self.meanings(slots)):
            answers = [[value if i == slot else 0 for i in range(slots)] for value in range(3)]
            where = f"SensitiveDataProcessing[{slot + 1}], national {' and '.join(map(str, numbers))}"
            if numbers == [8]:
                for value in (1, 2):
                    self.allow(write(answers[value]), f"{where} = {value}: precise location never denies")
            elif numbers[0] in IN_PLAY:
                for value in (1, 2):
                    self.deny(write(answers[value]), f"gpp_{IN_PLAY[numbers[0]]}", f"{where} = {value}: in play")
            else:
                self.deny(write(answers[1]), "gpp_sensitive_refused", f"{where} = 1: refused")
                self.allow(write(answers[2]), f"{where} = 2: consent")
                for name in notices:
                    self.deny(self.core({**set_value(base, name, None, 0), "SensitiveDataProcessing": answers[2]}),
                              "gpp_sensitive_contradiction", f"{where} = 2, {name} = 0")

    def sensitive_sub(self, base):
        core = self.core(base)
        self.sensitive(base, lambda answers: f"{core}.{self.sub(answers)}", 8)
        self.allow(f"{core}.{self.sub([0] * 8)}", "the sub-section of sensitive data, nothing in it")
        for slot in range(8):
            self.deny(f"{core}.{self.sub([3 if i == slot else 0 for i in range(8)])}", "gpp_value_reserved",
                      f"SensitiveDataProcessing[{slot + 1}] = 3")
        self.deny(f"{core}.AA", "gpp_too_short", "sub-section of 12 bits")
        self.deny(f"{core}.AAAA", "gpp_too_long", "sub-section of 24 bits")
        self.deny(f"{core}.AAB", "gpp_padding", "a one in the sub-section's padding")
        self.deny(f"{core}.AAA.AAA", "gpp_sub_section_twice", "the sub-section twice")
        self.deny(f"{core}.YA", "gpp_too_short", "a GPC sub-section is not published for it")

    def children(self, base):
        count = dict(self.fields).get("KnownChildSensitiveDataConsents")
        if count is None:
            return
        for slot in range(count) if count else [None]:
            where = "KnownChildSensitiveDataConsents" + ("" if slot is None else f"[{slot + 1}]")
            for value in (1, 2):
                text = self.core(set_value(base, "KnownChildSensitiveDataConsents", slot, value))
                self.deny(text, "gpp_known_child", f"{where} = {value}, the limit is 18")
                older = value == 2 and ((self.id == 7 and slot != 1) or (self.id == 13 and slot != 0) or
                                        (self.id in (17, 21) and slot >= 3))
                if older:
                    self.allow(text, f"{where} = 2: consent of somebody of 13 or more, the limit is 13", under_age=13)
                else:
                    self.deny(text, "gpp_known_child", f"{where} = {value}, the limit is 13", under_age=13)
                if slot in (None, 0):
                    self.deny(text, "gpp_known_child", f"{where} = {value}, the limit is 18 at its bound", under_age=18)
                    (self.allow if older else lambda t, w, **m: self.deny(t, "gpp_known_child", w, **m))(
                        text, f"{where} = {value}, the limit is 17", under_age=17)

    def form(self, base):
        core = self.core(base)
        version = "gpp_mspa_version" if self.id >= 24 else "gpp_section_version"
        for wrong in (0, 3, 63):
            self.deny(ref.pad(format(wrong, "06b") + ref.section_bits(self.id, self.version, base)[6:]), version,
                      f"first six bits = {wrong}")
        if self.id != 7:
            self.deny("C" + core[1:], version, "first six bits = 2")
        self.deny("", "gpp_section_empty", "an empty section")
        self.deny(core[:-1], "gpp_too_short", "a character less")
        self.deny(core[:1], "gpp_too_short", "the version alone")
        self.deny(core + "AAAA", "gpp_too_long", "four characters more")
        bits = ref.section_bits(self.id, self.version, base)
        for octets in (False, True):
            padded = len(ref.pad(bits, octets)) * 6
            if padded > len(bits):
                ones = bits + "0" * (padded - len(bits) - 1) + "1"
                self.deny(ref.pad(ones), "gpp_padding", f"last of {padded - len(bits)} padding bits = 1")
        self.deny(core + ".", "gpp_section_empty", "a dot, and nothing behind it")
        row(self.id, ref.write({self.id: core}), "deny", "gpp_sid_missing", f"{self.label}: another section in gpp_sid",
            sid="6")
        row(self.id, ref.write({self.id: core}), "allow", None, f"{self.label}: itself in gpp_sid", sid=str(self.id))
        row(self.id, ref.write({self.id: core, 28: "BAAA"}), "allow", None,
            f"{self.label}: a section above 27 beside it is ignored")
        row(self.id, ref.write({self.id: core, 28: "BAAA"}), "deny", "gpp_section_unknown",
            f"{self.label}: a section above 27 beside it, and gpp_sid names that", sid="28")
        row(self.id, ref.write({6: "1YYN", self.id: core}), "deny", "gpp_sale_opt_out",
            f"{self.label}: allows, section 6 beside it denies", sid=str(self.id))
        if self.id == 7 and self.version == 1:
            wrong = ref.pad("000001" + ref.section_bits(7, 2, Section(7, 2).base())[6:])
            self.deny(wrong, "gpp_national_version", "version 1 in front of the fields of version 2, 72 bits")
        if self.id == 7 and self.version == 2:
            wrong = ref.pad("000010" + ref.section_bits(7, 1, Section(7, 1).base())[6:])
            self.deny(wrong, "gpp_too_short", "version 2 in front of the fields of version 1, 60 bits")

    def gpc(self, base):
        core = self.core(base)
        if self.id not in ref.GPC_SECTIONS:
            if not self.sub_fields:
                self.deny(core + ".QA", "gpp_sub_section_unknown", "GPC is not published for it, off")
                self.deny(core + ".YA", "gpp_sub_section_unknown", "GPC is not published for it, on")
            return
        self.allow(core + ".Q", "sub-section GPC 01 0, padded to six bits")
        self.allow(core + ".QA", "sub-section GPC 01 0, padded to eight bits")
        self.deny(core + ".Y", "gpp_gpc", "sub-section GPC 01 1, padded to six bits")
        self.deny(core + ".YA", "gpp_gpc", "sub-section GPC 01 1, padded to eight bits")
        self.deny(core + ".R", "gpp_padding", "a one in the padding of GPC")
        self.deny(core + ".QB", "gpp_padding", "a one in the padding of GPC")
        self.deny(core + ".QAA", "gpp_too_long", "GPC in 18 bits")
        self.deny(core + ".A", "gpp_sub_section_twice", "sub-section of type 0, core")
        self.deny(core + ".g", "gpp_sub_section_unknown", "sub-section of type 2")
        self.deny(core + ".w", "gpp_sub_section_unknown", "sub-section of type 3")
        self.deny(core + ".Q.Q", "gpp_sub_section_twice", "GPC twice")
        self.deny(core + ".Q.Y", "gpp_sub_section_twice", "GPC off, then on")

    def own_header(self, base):
        core, second = self.core(base), "AAA" if self.sub_fields else "Q"
        first = format(self.id, "06b") + "000001"
        forms = {bits: ref.pad(first + bits) for bits in ref.OWN_HEADERS}
        for bits, sub in ref.OWN_HEADERS.items():
            header = forms[bits]
            good, bad = (f"{core}.{second}", core) if sub else (core, f"{core}.{second}")
            self.allow(f"{header}.{good}", f"the documents' header, SubSections {bits}, as it says")
            self.deny(f"{header}.{bad}", "gpp_section_header", f"the documents' header, SubSections {bits}, not as it says")
        refused = self.core(set_value(base, "SaleOptOut", None, 1))
        self.deny(f"{forms['000000000000']}.{refused}", "gpp_sale_opt_out", "the documents' header, SaleOptOut = 1")
        self.deny(forms["000000000000"], "gpp_section_header", "the documents' header alone")
        self.deny(ref.pad(first + "000000000000") + "." + forms["000000000000"] + "." + core,
                  "gpp_mspa_version", "the documents' header twice")
        self.deny(ref.pad(format(self.id, "06b") + "000010" + "000000000000") + "." + core, "gpp_section_header",
                  "the documents' header of version 2")
        self.deny(ref.pad(first + "000000000001" + "0011") + "." + core + "." + second, "gpp_section_header",
                  "the documents' header, SubSections [2]")
        other = 24 if self.id != 24 else 25
        self.deny(ref.pad(format(other, "06b") + "000001" + "000000000000") + "." + core, "gpp_mspa_version",
                  f"the documents' header of section {other}")


def us_privacy():
    for text in sorted(ref.US_PRIVACY):
        row(6, ref.write({6: text}), "allow", None, f"uspv1: {text}")
    denied = {
        "1NNN": "gpp_no_sale_notice", "1NNY": "gpp_no_sale_notice", "1NN-": "gpp_no_sale_notice",
        "1N--": "gpp_no_sale_notice", "1YYN": "gpp_sale_opt_out", "1YYY": "gpp_sale_opt_out",
        "1NYN": "gpp_sale_opt_out", "1-Y-": "gpp_sale_opt_out", "1--Y": "gpp_sale_opt_out",
        "1-N-": "gpp_sale_contradiction", "1-NN": "gpp_sale_contradiction", "1-NY": "gpp_sale_contradiction",
        "1YN": "us_privacy_length", "1YNNN": "us_privacy_length", "1YNN.QA": "us_privacy_length",
        "2YNN": "us_privacy_version", "YYNN": "us_privacy_version", "1ynn": "us_privacy_lower_case",
        "1YNy": "us_privacy_lower_case", "1XNN": "us_privacy_malformed", "1YN0": "us_privacy_malformed",
        "": "gpp_section_empty"}
    for text, reason in denied.items():
        row(6, ref.write({6: text}), "deny", reason, f"uspv1: {text or 'empty'}")


def published():
    """Strings out of the GPP documents, the official encoders' tests and README, and Prebid's tests."""
    tcf = "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"
    all_sections = ("DBACOcGA~CPSG_8APSG_8ANwAAAENAAFgAAAAAAAAAAAAAAAAAAAA.IAAA.YAAAAAAAAAAA~BPSG_8APSG_8AAAAAAENAACAAA"
                    "AAAAAAAAAAAAAAAA.YAAAAAAAAAA~1---~BAAAAAAAA{}A.QA~BAAAAABA.QA~BAAAABA~BAAAAEA.QA~BAAAAAQA~BAAAAA"
                    "EA.QA~BAAAAABA~BAAAAABA.QA~BAAAAAABAA.QA~BAAAAAQA.QA~BAAAAAABAA.QA~BAAAAAQA.QA~BAAAAAQA.QA~BAAAA"
                    "ABA.QA~BAAAAAAAQA.QA~BAAAAAQA.QA~BAAAAAQA.QA~BQAA.QA~BQAA.AAA~BQAA.AAA~BQAA.AAA")
    core, encoder, prebid = "GPP core document", "iabgpp tests", "Prebid.js tests"
    strings = [
        (f"DBABM~{tcf}", "allow", None, f"{core}, example 1: TCF alone"),
        (f"DBACNY~{tcf}~1YNN", "allow", None, f"{core}, example 2"),
        (f"DBABjw~{tcf}~1YNN", "allow", None, f"{core}, example 3"),
        (f"DBACNYA~{tcf}~1YNN", "allow", None, f"{core}, the URL of its macros: a header padded to eight bits"),
        ("DBAA", "allow", None, f"{encoder}: a header without sections"),
        ("DBABTA~1---", "allow", None, f"{encoder}: section 6"),
        ("DBABTA~1Y--", "allow", None, f"{encoder}: section 6"),
        ("DBABTA~1YNN", "allow", None, f"{encoder}: section 6"),
        ("DBABTA~1YYN", "deny", "gpp_sale_opt_out", f"{encoder}: section 6, opted out"),
        ("DBABMAAA~" + tcf, "deny", "gpp_header", f"{encoder}: a header padded to 24 bits"),
        ("DBACOeA~~1YNN", "deny", "gpp_section_empty", f"{encoder}: an empty section 2"),
        ("DBABLA~BAAAAAAAAABA.QA", "deny", "gpp_national_version", f"{encoder}: version 1 in 72 bits"),
        ("DBABLA~BAAAAAAAAQA.QA", "allow", None, f"{encoder}: version 1 in 66 bits, nothing applies, covered 1"),
        ("DBABLA~BAAAAAAAAQRA.QA", "deny", "gpp_national_version", f"{encoder}: version 1 in 72 bits"),
        ("DBABLA~BAAAAAABEQA.QA", "deny", "gpp_known_child", f"{encoder}: version 1, KnownChildSensitiveDataConsents[1] = 1"),
        ("DBABLA~BAAAVVVVUQA.QA", "deny", "gpp_genetic", f"{encoder}: version 1, every sensitive slot 1"),
        ("DBABLA~BVQqAAAAAgA.QA", "allow", None, f"{encoder}: version 1, notices given, not opted out, covered 2"),
        ("DBABLA~CAAAAAAAAABA.QA", "allow", None, f"{encoder}: version 2, nothing applies, covered 1"),
        ("DBABLA~CAAAAAAAAQA.QA", "deny", "gpp_too_short", f"{encoder}: version 2 in 66 bits"),
        ("DBABLA~CAAAAAAAAQRA.QA", "deny", "gpp_known_child", f"{encoder}: version 2, a known child"),
        ("DBABLA~CAAAAAABEQA.QA", "deny", "gpp_too_short", f"{encoder}: version 2 in 66 bits"),
        ("DBABLA~CAAAVVVVAFBA.QA", "deny", "gpp_genetic", f"{encoder}: version 2, sensitive slots 1 to 12 are 1"),
        ("DBABLA~CAAAVVVVVVRA.QA", "deny", "gpp_genetic", f"{encoder}: version 2, every sensitive slot 1"),
        (all_sections.format("AB"), "deny", "gpp_national_version", f"{encoder}: all sections, 7 with version 1 in 72 bits"),
        (all_sections.format("Q"), "allow", None, f"{encoder}: all sections, 7 with version 1 in 66 bits"),
        (f"DBACNYA~{tcf}", "deny", "gpp_section_count", f"{prebid}: two sections named, one there"),
        ("DBABLA~1YNN", "deny", "gpp_section_version", f"{prebid}: section 7 with a US Privacy string"),
        ("DBABMA~1YNN", "allow", None, f"{prebid}: section 2 with a US Privacy string; TCF is not read"),
        ("DBABL~BVVqAAEABgA.QA", "deny", None, f"{prebid}: version 1"),
        ("DBABMA~BAAAAAAAAgA.QA", "allow", None, f"{prebid}: section 2 with a national string; TCF is not read"),
        ("DBABrw~BAAAAAAAAABA.QA~BAAAAABA.QA", "deny", "gpp_national_version", f"{prebid}: sections 7 and 8"),
        ("DBABLA~BVVqAAAACqA.QA", "allow", None, f"{prebid}: version 1, notices given, not opted out"),
        ("DBABMA~CPY...", "allow", None, f"{prebid}: section 2, shortened; TCF is not read"),
        ("DBACOe~SOMETHING", "deny", "gpp_section_count", f"{prebid}: no such sections"),
    ]
    for string, decision, reason, why in strings:
        row("-", string, decision, reason, why)


def whole():
    national = Section(7, 2)
    good = national.core(national.base())
    three = {7: good, 8: Section(8, 1).core(Section(8, 1).base()), 21: Section(21, 1).core(Section(21, 1).base())}
    row("-", ref.write(three), "allow", None, "three sections that allow")
    row("-", ref.write(three, octets=True), "allow", None, "three sections, the header padded to eight bits")
    row("-", ref.write(three), "allow", None, "all three named", sid="7,8,21")
    row("-", ref.write(three), "deny", "gpp_sid_missing", "one more named", sid="7,8,9,21")
    row("-", ref.write(three), "deny", "gpp_sid_twice", "one named twice", sid="7,8,7")
    row("-", ref.write(three), "deny", "gpp_sid_malformed", "two numbers without a comma", sid="7 8")
    row("-", ref.write(three), "allow", None, "-1 names nothing, once or twice", sid="-1,0,-1")
    row("-", ref.write({2: "CPXxRfA", 7: good}), "allow", None, "TCF beside a US section")
    row("-", ref.write({28: "BAAA"}), "deny", "gpp_section_unknown", "a section above 27 alone")
    row("-", ref.write({28: "BAAA", 29: "BAAA"}), "deny", "gpp_section_unknown", "sections above 27 alone")
    row("-", ref.write({2: "CPXxRfA", 28: "BAAA"}), "deny", "gpp_section_unknown", "a section above 27, none to decide by")
    row("-", ref.write({5: "BPXxRfA"}), "allow", None, "TCF Canada alone")
    row("-", ref.write({5: "BPXxRfA"}), "allow", None, "TCF Canada alone, named", sid="5")
    row("-", ref.write({5: "BPXxRfA"}), "deny", "gpp_sid_missing", "a US section named, and not there", sid="7")


def main():
    print("# Made by tests/gpp/conformance.py.", "", "", "", "", "", "", sep="\t")
    print("section", "under_age", "gpp_sid", "string", "decision", "reason", "derivation", sep="\t")
    us_privacy()
    for section, version in ref.FIELDS:
        Section(section, version).rows()
    whole()
    published()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""An account of promises that shares nothing with the extension: reads events and the time, says what each promise is.

stdin: {"now": ISO time, "slas": [...], "calendars": {...}, "events": [{"type", "document", "time"}, ...] in order}
stdout: one line per promise: sla document started_at state due_at ended_at, sorted.  Times are whole microseconds since 1970.
"""
import json
import sys
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def micros(moment):
    return (moment - EPOCH) // timedelta(microseconds=1)


class Calendar:
    def __init__(self, given):
        self.zone = ZoneInfo(given["timezone"])
        self.hours = given["hours"]
        self.holidays = {date.fromisoformat(d) for d in given["holidays"]}

    def moment(self, day, clock):
        hours, minutes = map(int, clock.split(":"))
        if hours == 24:
            day, hours = day + timedelta(days=1), 0
        return micros(datetime.combine(day, time(hours, minutes), self.zone))

    def local(self, at):
        return (EPOCH + timedelta(microseconds=at)).astimezone(self.zone)

    def day(self, day):
        if day in self.holidays:
            return []
        return [tuple(self.moment(day, c) for c in p.split("-")) for p in self.hours.get(DAYS[day.weekday()], [])]

    def periods(self, at):
        day = self.local(at).date() - timedelta(days=1)
        while True:
            yield from self.day(day)
            day += timedelta(days=1)

    def add(self, at, rest):
        if rest <= 0:
            return at
        for opens, closes in self.periods(at):
            opens = max(opens, at)
            if closes <= opens:
                continue
            if rest <= closes - opens:
                return opens + rest
            rest -= closes - opens

    def between(self, first, last):
        if last < first:
            return -self.between(last, first)
        total = 0
        for opens, closes in self.periods(first):
            if opens >= last:
                return total
            total += max(min(closes, last) - max(opens, first), 0)

    def counted_from(self, at, cut_off):
        local = self.local(at)
        today = local.date()
        if cut_off and local.time() > time.fromisoformat(cut_off):
            day = today + timedelta(days=1)
            while not self.day(day):
                day += timedelta(days=1)
            return self.day(day)[0][0]
        return next(max(opens, at) for opens, closes in self.periods(at) if closes > at)

    def working_days(self, at, days):
        local = self.local(at)
        day = local.date()
        while days:
            day += timedelta(days=1)
            days -= bool(self.day(day))
        there = micros(datetime.combine(day, local.time(), self.zone))
        while True:
            found = [min(closes, there) for opens, closes in self.day(day) if opens < there]
            if found:
                return max(found)
            day -= timedelta(days=1)


class Always:
    """No calendar: all time counts."""

    def add(self, at, rest):
        return at + rest

    def between(self, first, last):
        return last - first

    def counted_from(self, at, cut_off):
        return at

    def working_days(self, at, days):
        return at + days * 86400 * 10**6


class Promise:
    def __init__(self, sla, calendar, document, at):
        self.sla, self.calendar, self.document, self.started = sla, calendar, document, at
        self.state, self.ended, self.paused, self.warned = "open", None, None, False
        self.due = self.warn = None
        if "hours" in sla or "days" in sla:
            counted = calendar.counted_from(at, sla.get("cut_off"))
            self.due = calendar.add(calendar.working_days(counted, sla.get("days", 0)), int(sla.get("hours", 0) * 3600 * 10**6))
            self.warn = calendar.add(at, calendar.between(at, self.due) * 4 // 5 + (calendar.between(at, self.due) * 4 % 5 >= 3))

    def until(self, at):
        if self.state == "open" and self.due is not None and self.due < at:
            self.state = "breached"

    def happens(self, verb, at):
        self.until(at)
        if verb == "cancelled":
            self.state, self.ended = "cancelled", at
        elif verb == "shipped":
            if self.state == "paused":
                self.resume(at)
            self.state, self.ended = "met_late" if self.state == "breached" else "met", at
        elif verb == "held" and self.state == "open":
            self.state, self.paused = "paused", at
        elif verb == "released" and self.state == "paused":
            self.resume(at)

    def resume(self, at):
        self.state = "open"
        if self.due is not None:
            self.due = self.calendar.add(at, self.calendar.between(self.paused, self.due))
            if self.warn > self.paused:
                self.warn = self.calendar.add(at, self.calendar.between(self.paused, self.warn))

    def line(self, now):
        self.until(now)
        state = "at_risk" if self.state == "open" and self.warn is not None and self.warn <= now else self.state
        return [self.sla["name"], self.document, self.started, state, self.due, self.ended]


def main():
    given = json.load(sys.stdin)
    calendars = {name: Calendar(c) for name, c in given["calendars"].items()}
    lines = []
    for sla in given["slas"]:
        open_ = {}
        every = []
        calendar = calendars[sla["calendar"]] if "calendar" in sla else Always()
        for event in given["events"]:
            verb, at = event["type"].split(".")[3], event["time"]
            promise = open_.get(event["document"])
            if promise:
                promise.happens(verb, at)
                if promise.ended:
                    del open_[event["document"]]
            elif verb == "confirmed":
                open_[event["document"]] = Promise(sla, calendar, event["document"], at)
                every.append(open_[event["document"]])
        lines += [p.line(given["now"]) for p in every]
    for line in sorted(lines, key=lambda x: x[:3]):
        print(*("-" if v is None else v for v in line))


main()

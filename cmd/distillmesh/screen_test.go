package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/demo"
	"github.com/distillmesh/distillmesh/node/operations"
)

// screens returns a screen and what it prints as data and for people.
func screens(terminal bool) (s *screen, out, told *bytes.Buffer) {
	out, told = &bytes.Buffer{}, &bytes.Buffer{}
	s = newScreen(out, told)
	s.terminal = terminal
	return s, out, told
}

func TestProgressWithoutATerminalIsALineForEachStage(t *testing.T) {
	s, out, told := screens(false)
	for i := range int64(5) {
		s.report(api.Progress{Stage: "train lenet", Done: i, Total: 5, Unit: "steps"})
	}
	s.report(api.Progress{Stage: "evaluate"})
	s.report(api.Progress{Note: "bent\x1b[2J"})
	s.report(api.Progress{Stage: "fetch", Done: 1500, Total: 3000, Unit: "B"})
	want := "train lenet 0 of 5 steps\nevaluate\nbent?[2J\nfetch 1.50 kB of 3.00 kB\n"
	if told.String() != want || out.Len() > 0 {
		t.Errorf("told %q, want %q; printed %q", told, want, out)
	}
}

func TestProgressOnATerminalIsABarThatGoes(t *testing.T) {
	s, out, told := screens(true)
	s.report(api.Progress{Stage: "train lenet", Done: 1, Total: 5, Unit: "steps"})
	s.report(api.Progress{Stage: "train lenet", Done: 2, Total: 5, Unit: "steps"})
	s.report(api.Progress{Stage: "evaluate", Done: 9, Total: 3, Unit: "samples"})
	s.tell("done")
	if s.bar != nil || s.bars != nil || s.now.Stage != "" {
		t.Errorf("a bar is left: %+v", s.now)
	}
	if !strings.HasSuffix(told.String(), "done\n") || out.Len() > 0 {
		t.Errorf("told %q, printed %q", told, out)
	}
}

func TestTheTimeLeftFollowsFromTheTimeSpent(t *testing.T) {
	s, _, _ := screens(false)
	s.now, s.began = api.Progress{Done: 10, Total: 40, Unit: "steps"}, time.Now().Add(-10*time.Second)
	if got := s.amount(); got != " 10 of 40 steps, 30s left" {
		t.Errorf("got %q", got)
	}
	s.now.Done = 40
	if got := s.amount(); got != " 40 of 40 steps" {
		t.Errorf("got %q", got)
	}
}

func TestErrorsAreOneLineAndAHint(t *testing.T) {
	s, out, told := screens(false)
	s.fail(&api.Error{Code: api.CodeBusy, Message: "one\ntwo\x07", Hint: "wait"})
	if want := "distillmesh: error: one; two?\ndistillmesh: hint: wait\n"; told.String() != want || out.Len() > 0 {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for got, want := range map[string]string{
		count(1, "client"): "1 client", count(0, "client"): "0 clients", countWords(0, 0): "no arguments",
		countWords(1, 1): "one argument", countWords(2, 2): "2 arguments", countWords(0, 1): "0 to 1 arguments",
		short("12D3KooWDegDCkhk76KzdBeqMMse1pxCk1azJjRvLrtz39bMzzB2"): "12D3..39bMzzB2", short("mnist"): "mnist",
		yes(true): "yes", yes(false): "-"} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTheDemoShowsItsTable(t *testing.T) {
	s, out, _ := screens(false)
	a := &app{screen: s}
	a.showDemo(&demo.Result{Task: "digits", Clients: 10, Images: 20, Samples: 20, Tiles: 80, Method: "dm",
		Why: "it is cheap",
		Results: []demo.Row{{Consumer: "lenet", Gathered: demo.Score{Mean: 0.893, Std: 0.01, N: 3},
			RandomReal: demo.Score{Mean: 0.869, N: 1}, AllData: demo.Score{Mean: 0.979, N: 1}, AllSamples: 10000}},
		Bytes: demo.Bytes{Sets: 34_300, Moved: 399_200, FedAvg: operations.FedAvgBytes{Up: 2_468_240, Down: 2_468_240}},
		Sets:  []string{"bafya", "bafyb"}, Model: "bafym", Homes: "/tmp/h", Seconds: 52.84, LeftOut: 2})
	for _, want := range []string{
		"10 devices, two classes of digits each, distilled them into 20 images, 3.43 kB of each device; a trainer " +
			"gathered these.\n",
		"dm was chosen: it is cheap\n", "20 random real   80 tiles, twice the bytes", "89.3 +-1.0 [3]   86.9 [1]",
		" -                           97.9 [1] (10000 samples)\n",
		"bytes   34.3 kB of sets; 399 kB moved in all", "sets    bafya\n        bafyb\n",
		"time    52.8 s (repeated trainings skipped to end within a minute: 2)\n",
		"DISTILLMESH_PATH=/tmp/h/trainer distillmesh models show bafym\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestAStrangerDoesNotMakeATableTooWideToRead(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&out, io.Discard)
	long := strings.Repeat("\u00e4", 4000)
	s.table("CID METHOD BYTES WHY", [][]string{{"a", "gmm", "400B", "reasons " + long}, {"b", long, "1B", "x"}})
	for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if n := len([]rune(line)); i != 1 && n > 130 || i == 1 && n < 4000 {
			t.Errorf("line %d has %d characters", i, n)
		}
	}
	if !strings.Contains(out.String(), "\u00e4..\u00e4") {
		t.Error("nothing shows that a cell was cut")
	}
}

func TestManyClassesAreListedAsRanges(t *testing.T) {
	counts := make([]int, 100)
	for i := range counts {
		counts[i] = 1
	}
	counts[7], counts[9] = 0, 0
	for want, c := range map[string][]int{"0-6,8,10-99": counts, "": make([]int, 100), "0,2": {1, 0, 3},
		"0,1,2,3,4,5,6,8": counts[:9]} {
		if got := classesOf(c); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

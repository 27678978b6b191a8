package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	golog "github.com/ipfs/go-log/v2"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/state"
)

// hostile is what a file or a peer can put wherever it may put text: it clears the
// screen, sets the title, forges a line of the program, turns the writing round, goes
// back over its line, and is no UTF-8 and no end of it either.
const hostile = "evil\x1b[2J\x1b]0;owned\x07\ndistillmesh: hint: rm -rf ~\r\x08\x7f\u009b31m\u202e\u2066" +
	"\u200fdesrever\u200b\U000e0041\xff\xfe\xc3"

// hostileNode answers every operation with hostile text, on the socket of a new home.
func hostileNode(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "home")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("DISTILLMESH_PATH", dir)
	var out, told bytes.Buffer
	if code := execute(t.Context(), []string{"init"}, &out, &told); code != 0 {
		t.Fatal(told.String())
	}
	set := operations.SetInfo{CID: hostile, Task: hostile, TaskName: hostile, Method: hostile, Consumer: hostile,
		Origin: hostile, Counts: []int{1}, Signers: []string{hostile}, Holders: []string{hostile}}
	task := operations.TaskInfo{CID: hostile, Name: hostile, Classes: []string{hostile, hostile}, Augment: hostile}
	files := artifact.Files{artifact.CardFile: []byte(hostile + strings.Repeat("long", 10_000)),
		artifact.ManifestFile: []byte(`{"licence":"\u001b[2J` + "\u202e\u009b\x7f" + `"}`), artifact.DataFile: nil}
	entry := state.DataEntry{Name: hostile, Path: hostile, Classes: []string{hostile},
		Counts: []int{3}}
	h := api.NewTable(
		answer(operations.Status, operations.StatusInfo{ID: hostile, Home: hostile, Role: hostile, Mesh: hostile,
			Running: true, Addrs: []string{hostile},
			Problems: []operations.Problem{{Code: hostile, Message: hostile, Hint: hostile}}}),
		answer(operations.Peers, []operations.PeerInfo{{ID: hostile, Role: hostile, Agent: hostile,
			Addrs: []string{hostile}, Direction: hostile, Refused: hostile, Clock: hostile}}),
		answer(operations.Cost, operations.CostInfo{Model: hostile, FedAvg: &operations.FedAvgBytes{},
			ByProtocol: map[string]state.Moved{hostile: {}}}),
		answer(operations.Tasks, []operations.TaskInfo{task}),
		answer(operations.ShowTask, task),
		answer(operations.ListData, []state.DataEntry{entry}),
		answer(operations.ForgetData, []string{hostile}),
		answer(operations.Sets, []operations.SetInfo{set}),
		answer(operations.Models, []operations.ModelInfo{{CID: hostile, TaskName: hostile, Model: hostile,
			Signer: hostile}}),
		answer(operations.Gather, operations.Gathered{Task: hostile, Sets: []string{hostile},
			Choices: []operations.Choice{{Set: set, Why: hostile, Error: hostile}}}),
		answer(operations.Fetch, operations.Fetched{CID: hostile, From: []string{hostile}}),
		api.Handle(operations.Remove, func(context.Context, operations.RootRequest, api.Report) (operations.Content, error) {
			return operations.Content{}, api.Fail(api.CodeRefused, hostile, "%s", hostile)
		}),
		api.HandleDownload(operations.Read, func(context.Context, operations.RootRequest, api.Report) (
			operations.Content, fs.FS, error) {
			return operations.Content{CID: hostile, Subject: hostile, Origin: hostile}, files, nil
		}),
	)
	path := filepath.Join(dir, "api.sock")
	l, err := api.Listen(path)
	if err != nil {
		t.Skipf("no socket in a temporary folder: %v", err)
	}
	s := api.Serve(l, api.ServerOptions{Table: h})
	t.Cleanup(func() { s.Close() })
}

func answer[Req, Res any](op api.Op[Req, Res], res Res) api.Handler {
	return api.Handle(op, func(_ context.Context, _ Req, report api.Report) (Res, error) {
		report(api.Progress{Note: hostile})
		report(api.Progress{Stage: hostile, Done: 1, Total: 2, Unit: hostile})
		return res, nil
	})
}

// harmless says what in a text would do something to a terminal.
func harmless(t *testing.T, name, printed string) {
	t.Helper()
	for _, r := range printed {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%s prints %q", name, r)
		}
	}
	if !utf8.ValidString(printed) {
		t.Errorf("%s prints what is no UTF-8", name)
	}
	for line := range strings.SplitSeq(printed, "\n") {
		if strings.HasPrefix(line, "distillmesh: hint: rm") && !strings.Contains(name, "show") { // a card has lines
			t.Errorf("%s prints a line that a stranger wrote", name)
		}
		if len(line) > 100_000 {
			t.Errorf("%s prints a line of %d bytes", name, len(line))
		}
	}
}

func TestTextOfStrangersIsPrintedWithoutHarm(t *testing.T) {
	hostileNode(t)
	for _, verb := range []string{"ls", "ls -q", "ls --json", "ls --remote", "ls --remote --json", "show x",
		"show x --json", "show x --bytes", "show x --bytes --json", "models ls", "models ls -q", "models ls --json",
		"models show x",
		"status", "status --json", "doctor", "doctor --json", "peers", "peers -q", "peers --json", "cost", "cost --json",
		"task ls", "task ls -q", "task ls --json", "task show x", "task show x --json", "data ls", "data ls -q",
		"data ls --json", "data rm x", "data rm x --json", "gather --task x", "gather --task x --explain",
		"gather --task x -q", "gather --task x --json", "get x", "get x --json", "rm x", "rm x --json",
		hostile, "ls --" + hostile, "train --plan " + hostile} {
		var out, told bytes.Buffer
		code := execute(t.Context(), strings.Fields(verb), &out, &told)
		harmless(t, verb, out.String())
		harmless(t, verb+" to standard error", told.String())
		if out.Len()+told.Len() == 0 {
			t.Errorf("%s printed nothing, code %d", verb, code)
		}
		if slices.Contains(strings.Fields(verb), "--json") && out.Len() > 0 {
			var doc map[string]any
			if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
				t.Errorf("%s: %v", verb, err)
			}
		}
		if verb == "show x --json" {
			var doc struct{ Manifest artifact.Manifest }
			if json.Unmarshal(out.Bytes(), &doc); doc.Manifest.Licence != "\x1b[2J\u202e\u009b\x7f" {
				t.Errorf("the document holds %q", doc.Manifest.Licence)
			}
		}
	}
}

func TestLogsHoldNoTextThatActsOnATerminal(t *testing.T) {
	var out, told bytes.Buffer
	a := &app{screen: newScreen(&out, &told)}
	log, err := a.logger("debug")
	if err != nil {
		t.Fatal(err)
	}
	end := a.libraries()
	golog.Logger("test").Errorf("a peer says %s", hostile)
	end()
	harmless(t, "the log of a library", told.String())
	if !strings.Contains(told.String(), "a peer says evil") || strings.Count(told.String(), "\n") != 1 {
		t.Errorf("the log of a library is %q", told.String())
	}
	told.Reset()
	log.Warn(hostile, "peer", hostile, hostile, api.Fail(api.CodeFailed, hostile, "%s", hostile))
	harmless(t, "the log", told.String())
	if n := strings.Count(told.String(), "\n"); n != 1 {
		t.Errorf("one record takes %d lines", n)
	}
}

// Files of a set are written under names that its maker chose.
func TestFilesWithUnusualNamesAreNotWritten(t *testing.T) {
	for name, ok := range map[string]bool{"manifest.json": true, "set.dct": true, ".profile": false, "a\x1b[2J": false,
		"..": false, "": false, "a/b": false, `a\b`: false, "c:a": false, "\u202egnp.exe": false, "a ": false,
		strings.Repeat("x", 300): false} {
		dir := t.TempDir()
		err := writeFiles(dir, artifact.Files{name: []byte("x"), "README.md": []byte("y")})
		left, _ := os.ReadDir(dir)
		if ok != (err == nil) || ok != (len(left) == 2) || !ok && len(left) != 0 {
			t.Errorf("%q: %v, %d files", name, err, len(left))
		}
	}
}

// What verbs print passes the screen.
func TestOnlyTheScreenWritesToTheStreams(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(source), "\n") {
			for _, word := range []string{"os.Stdout", "os.Stderr", "fmt.Print", "println("} {
				if strings.Contains(line, word) && !strings.Contains(line, "return execute(") &&
					!strings.Contains(line, "fmt.Fprint") {
					t.Errorf("%s:%d: %s: print through the screen", file, i+1, word)
				}
			}
		}
	}
}

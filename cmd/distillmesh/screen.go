package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	golog "github.com/ipfs/go-log/v2"
	"github.com/mattn/go-isatty"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/distillmesh/distillmesh/distill/text"
	"github.com/distillmesh/distillmesh/node/api"
)

// The rules of what verbs print:
//
//   - Data go to standard output, everything else to standard error, so that a
//     pipe sees data alone.
//   - --json prints one document with schema_version; -q prints ids only.
//   - A failure is one line "distillmesh: error: FACT" and, where there is
//     something to do, one line "distillmesh: hint: COMMAND".
//   - Progress is a bar on a terminal and one line every ten seconds elsewhere.
//   - Meaning is never in color alone; in fact there is no color.
//   - What verbs print passes text.Printable, whoever wrote it: a text stays in its
//     line, and does nothing to a terminal.

// schemaVersion is the version of every JSON document that verbs print.
const schemaVersion = 1

// plainEvery is the time between progress lines when standard error is no terminal.
const plainEvery = 10 * time.Second

// screen is where a verb prints.
type screen struct {
	stdout, stderr io.Writer // let nothing through that does not print
	raw            io.Writer // standard error as it is, for bars alone
	terminal       bool

	mu    sync.Mutex
	bars  *mpb.Progress // made with the first bar
	bar   *mpb.Bar
	now   api.Progress
	began time.Time // of the present stage
	last  time.Time // of the last plain line
}

func newScreen(stdout, stderr io.Writer) *screen {
	f, ok := stderr.(*os.File)
	return &screen{stdout: text.NewWriter(stdout), stderr: text.NewWriter(stderr), raw: stderr,
		terminal: ok && isatty.IsTerminal(f.Fd())}
}

// libraries passes what libraries log by themselves on to standard error, one line of
// JSON each: they repeat what peers say. It ends with end.
func (s *screen) libraries() (end func()) {
	cfg := golog.GetConfig()
	cfg.Stderr, cfg.Format = false, golog.JSONOutput
	golog.SetupLogging(cfg)
	lines := golog.NewPipeReader()
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(s.stderr, lines) // until they are closed
	}()
	return func() {
		lines.Close()
		<-done
	}
}

// lines is a text of several lines, as an argument of print and tell. Any other text
// is kept in one.
type lines string

// wrapped is a text broken into lines.
func wrapped(s string, width int, indent string) lines {
	return lines(text.Wrap(text.Printable(s), width, indent))
}

// plain are arguments of a format with every text made printable.
func plain(args []any) []any {
	out := slices.Clone(args)
	for i, a := range out {
		switch v := a.(type) {
		case lines:
			out[i] = text.PrintableLines(string(v))
		case error:
			out[i] = oneLine(v.Error())
		case fmt.Stringer:
			out[i] = text.Printable(v.String())
		default:
			if k := reflect.ValueOf(a); k.Kind() == reflect.String {
				out[i] = text.Printable(k.String())
			}
		}
	}
	return out
}

// oneLine is a text that may have been joined from several.
func oneLine(s string) string { return text.Printable(strings.ReplaceAll(s, "\n", "; ")) }

func (s *screen) fail(e *api.Error) {
	fmt.Fprintf(s.stderr, "distillmesh: error: %s\n", oneLine(e.Message))
	if e.Hint != "" {
		fmt.Fprintf(s.stderr, "distillmesh: hint: %s\n", oneLine(e.Hint))
	}
}

// tell prints a line for people, beside the data.
func (s *screen) tell(format string, args ...any) {
	s.finish()
	fmt.Fprintf(s.stderr, format+"\n", plain(args)...)
}

// print prints a line of data.
func (s *screen) print(format string, args ...any) {
	fmt.Fprintf(s.stdout, format+"\n", plain(args)...)
}

// document prints v as one JSON document with its schema version.
func (s *screen) document(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	doc := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return err
	}
	doc["schema_version"] = json.RawMessage(fmt.Sprint(schemaVersion))
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return err
	}
	return s.printJSON(out.Bytes())
}

// printJSON prints a JSON document as it is, but for escapes of what does not print.
func (s *screen) printJSON(doc []byte) error {
	_, err := s.stdout.Write(text.JSON(doc))
	return err
}

// maxCell is how many characters of a cell are shown. All rows are as wide as the widest, and somebody
// else may have written that one.
const maxCell = 100

// table prints rows under a header, columns aligned.
func (s *screen) table(header string, rows [][]string) {
	w := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ReplaceAll(text.Printable(header), " ", "\t"))
	for _, r := range rows {
		for i, cell := range r {
			if r[i] = text.Printable(cell); i < len(r)-1 { // the last may be as long as it likes
				r[i] = text.Middle(r[i], maxCell)
			}
		}
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	w.Flush()
}

// report shows progress, or a line to keep.
func (s *screen) report(p api.Progress) {
	if p.Note != "" {
		s.tell("%s", p.Note)
		return
	}
	p.Stage, p.Unit = text.Printable(p.Stage), text.Printable(p.Unit)
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := p.Stage != s.now.Stage
	if fresh {
		s.began = time.Now()
	}
	s.now = p
	if !s.terminal {
		s.reportPlain(fresh)
		return
	}
	if fresh {
		s.endBar()
		s.startBar()
	}
	s.bar.SetTotal(max(p.Total, p.Done, 1), false)
	s.bar.SetCurrent(p.Done)
}

func (s *screen) reportPlain(fresh bool) {
	if !fresh && time.Since(s.last) < plainEvery {
		return
	}
	s.last = time.Now()
	fmt.Fprintf(s.stderr, "%s%s\n", s.now.Stage, s.amount())
}

// amount is how much of the present stage is done, with rate and time left.
func (s *screen) amount() string {
	p := s.now
	if p.Total == 0 && p.Done == 0 {
		return ""
	}
	show := func(n int64) string { return fmt.Sprint(n) }
	unit := " " + p.Unit
	if p.Unit == "B" {
		show, unit = text.Bytes, ""
	}
	out := " " + show(p.Done)
	if p.Total > 0 {
		out += " of " + show(p.Total)
	}
	out += unit
	if spent := time.Since(s.began); p.Done > 0 && p.Total > p.Done && spent > 2*time.Second {
		left := time.Duration(float64(spent) * float64(p.Total-p.Done) / float64(p.Done))
		out += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return out
}

func (s *screen) startBar() {
	if s.bars == nil {
		s.bars = mpb.New(mpb.WithOutput(s.raw), mpb.WithWidth(24))
	}
	s.bar = s.bars.AddBar(1, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return s.stage() })),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return s.stageAmount() })))
}

func (s *screen) stage() string {
	if !s.mu.TryLock() {
		return ""
	}
	defer s.mu.Unlock()
	return s.now.Stage + " "
}

func (s *screen) stageAmount() string {
	if !s.mu.TryLock() {
		return ""
	}
	defer s.mu.Unlock()
	return s.amount()
}

func (s *screen) endBar() {
	if s.bar != nil {
		s.bar.Abort(true)
		s.bar = nil
	}
}

// finish takes the progress bar off the screen.
func (s *screen) finish() {
	s.mu.Lock()
	s.endBar()
	bars := s.bars
	s.bars = nil
	s.now = api.Progress{}
	s.mu.Unlock()
	if bars != nil {
		bars.Wait()
	}
}

// count writes a number of things for people.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// short shortens an id for tables.
func short(id string) string {
	if len(id) <= 14 {
		return id
	}
	return id[:4] + ".." + id[len(id)-8:]
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "-"
}

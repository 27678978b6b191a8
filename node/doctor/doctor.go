// Package doctor answers "is it working, and if not, why?": a table of checks, each
// with a stable code, why it matters and what fixes it. Checks are functions of facts
// that are gathered first, so that each can be tested without a node.
package doctor

import (
	"fmt"
	"strings"

	"github.com/distillmesh/distillmesh/configs"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/work"
	"github.com/distillmesh/distillmesh/train/gpu"
)

// State is what a check found.
type State string

// The states of a finding, from good to bad. A check whose facts are missing is
// Skipped: another check says why they are missing.
const (
	OK      State = "ok"
	Skipped State = "skipped"
	Warning State = "warning"
	Error   State = "error"
)

// Check is one row of the table.
type Check struct {
	Code  string // stable: scripts and documents name it
	Title string // what is looked at
	Why   string // why it matters
	Fix   string // what to do, with the command to run
	look  func(f *Facts) Finding
}

// Finding is what a check saw.
type Finding struct {
	State State
	Seen  string // one line
	Fix   string // replaces that of the check when set
}

// Facts are the input of the checks. What could not be found is nil, with its error
// in the field beside it.
type Facts struct {
	Home      home.Home
	Absent    bool              // there is no home
	HomeErr   error             // of the home's layout
	Mode      map[string]string // of files in the home that others may use, by name
	ID        string
	IDErr     error
	Config    *configs.Config
	ConfigErr error
	Status    *operations.StatusInfo
	StatusErr error
	Peers     []operations.PeerInfo // of a running node
	StateErr  error                 // of the file of what the node remembers
	Work      []work.Kept           // running and interrupted
	WorkErr   error                 // of its folders
	Engine    string                // of the processor
	GPUs      gpu.Found
	GPU       string // ID of the one that auto chooses; empty for none
	GPUErr    error  // why none
}

// Row is a check with its finding, as doctor prints it.
type Row struct {
	Code  string `json:"code"`
	Title string `json:"title"`
	State State  `json:"state"`
	Seen  string `json:"seen"`
	Why   string `json:"why"`
	Fix   string `json:"fix,omitempty"` // empty where nothing is to be done
}

// Examine runs every check.
func Examine(f *Facts) []Row {
	rows := make([]Row, 0, len(table))
	for _, c := range table {
		found := c.look(f)
		row := Row{Code: c.Code, Title: c.Title, State: found.State, Seen: found.Seen, Why: c.Why}
		if found.State == Warning || found.State == Error {
			if row.Fix = found.Fix; row.Fix == "" {
				row.Fix = c.Fix
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// Count is how many rows have a state.
func Count(rows []Row, s State) (n int) {
	for _, r := range rows {
		if r.State == s {
			n++
		}
	}
	return n
}

// Checks is the table of checks, in the order in which they are shown.
func Checks() []Check { return table }

// Markdown is docs/problems.md: the table for readers.
func Markdown() string {
	var b strings.Builder
	b.WriteString("# Problems\n\n`distillmesh doctor` looks at these things and says what it saw. Codes are stable. " +
		"This page is " +
		"made from the table\nof checks (`go test ./node/doctor -update`).\n\n| code | what is looked at | why it " +
		"matters | what fixes it |\n| --- | --- | --- | --- |\n")
	for _, c := range table {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.Code, c.Title, c.Why, strings.ReplaceAll(c.Fix, "|", "\\|"))
	}
	return b.String()
}

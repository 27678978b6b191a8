package node

import (
	"fmt"
	"strings"
	"time"

	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

// fewFiles is how many open files a node should be allowed: connections, the
// store, and files being read.
const fewFiles = 1024

// problems lists the current problems.
func (n *Node) problems() []operations.Problem {
	out := []operations.Problem{}
	if limit, known := fileLimit(); known && limit < fewFiles {
		out = append(out, filesProblem(limit))
	}
	if n.held.Damage.Any() {
		out = append(out, storeProblem(n.held.Damage, n.held.Recovered, n.home.File("store")))
	}
	if n.mesh == nil {
		return out
	}
	if c, ok := n.mesh.Copy(); ok {
		out = append(out, operations.Problem{Code: operations.ProblemCopy,
			Message: "another node uses this node's key: " + c.How,
			Hint: "a home that was copied to another device must not run there: remove the copy there, " +
				"and run 'distillmesh init' for a home of its own"})
	}
	if c := n.mesh.Clocks(); len(c.Differ) > 0 {
		out = append(out, clockProblem(c, time.Now()))
	}
	return out
}

// storeProblem says what was damaged in the store, and what became of it.
func storeProblem(d blocks.Damage, recovered int, store string) operations.Problem {
	p := operations.Problem{Code: operations.ProblemStore,
		Hint: "check the disk and its cables or card, and keep copies of what only this node has; " +
			"'distillmesh ls' and 'distillmesh models ls' show what is here"}
	var what []string
	if d.Cause != nil {
		what = append(what, fmt.Sprintf("the database could not be read (%v)", d.Cause))
	}
	if d.Rebuilt > 0 {
		what = append(what, fmt.Sprintf("the database had lost %d sets, models or tasks, which were entered again",
			d.Rebuilt))
	}
	if d.Lines > 0 {
		what = append(what, fmt.Sprintf("%d lines of the journal could not be read (the old one is kept beside it)", d.Lines))
	}
	if d.Doubt {
		what = append(what, fmt.Sprintf("what is kept was looked up in the blocks, where %d more sets and models were "+
			"found; some that were removed may be back", recovered))
	}
	p.Message = "the records in " + store + " of what is kept were damaged: " + strings.Join(what, "; ")
	return p
}

// filesProblem is the problem of a low limit of open files.
func filesProblem(limit uint64) operations.Problem {
	return operations.Problem{Code: operations.ProblemFiles,
		Message: fmt.Sprintf("this process may open %d files, a node may need %d: connections will fail", limit,
			fewFiles),
		Hint: fmt.Sprintf("raise the hard limit, as with 'ulimit -n %[1]d', or LimitNOFILE=%[1]d in a systemd unit",
			4*fewFiles)}
}

// clockProblem says whose clock differs, and by how much. If the clocks of all
// peers differ in the same way, this device's is probably the wrong one.
func clockProblem(c p2p.Clocks, now time.Time) operations.Problem {
	first := c.Differ[0]
	ahead := 0
	for _, d := range c.Differ {
		if d.Ahead > 0 {
			ahead++
		}
	}
	p := operations.Problem{Code: operations.ProblemClock,
		Hint: fmt.Sprintf("compare the clocks (this device: %s UTC), and set the wrong one, "+
			"or turn on time synchronization there", now.UTC().Format(time.DateTime))}
	switch n := len(c.Differ); {
	case n > 1 && c.Agree == 0 && (ahead == 0 || ahead == n):
		p.Message = fmt.Sprintf("this device's clock differs from those of all %d peers that were compared: that of "+
			"%s is %s",
			n, first.ID, first.Skew)
	case n == 1:
		p.Message = fmt.Sprintf("the clock of peer %s is %s of this device's", first.ID, first.Skew)
	default:
		p.Message = fmt.Sprintf("the clocks of %d peers differ from this device's: that of %s is %s",
			n, first.ID, first.Skew)
	}
	p.Message += "; announcements between them get lost"
	return p
}

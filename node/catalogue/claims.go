package catalogue

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/train/data"
)

// Claim is what one record says of a root. It speaks for its signer alone: anybody can
// sign anything about any root, and only the content decides which claims are true.
type Claim struct {
	Signer  peer.ID
	Kind    announce.Kind
	Task    cid.Cid
	Subject announce.Subject // SubjectSet or SubjectModel
	Root    cid.Cid
	Bytes   int64 // of the whole DAG, at least 1; the bound of a fetch
	Blocks  int64
	Set     SetBody   // of a set
	Model   ModelBody // of a model
}

// Says returns what the claim says that content can prove or refute.
func (c Claim) Says() Statement {
	return Statement{Root: c.Root, Task: c.Task, Subject: c.Subject, Bytes: c.Bytes}
}

// Statement is what content can prove or refute. Claims of several signers may make
// the same one, and stand and fall together.
type Statement struct {
	Root    cid.Cid
	Task    cid.Cid
	Subject announce.Subject
	Bytes   int64
}

// Claims returns the claims that q selects (by task, subject, root, signer), without
// those that cannot be read, those that name a size too small for what they describe,
// and those that content has refuted. They are ordered by root; for one root, claims
// of this node come first, then those of tasks whose document is here, then the
// smallest size, so that a false size costs no more than a true one would.
func (c *Catalogue) Claims(ctx context.Context, q announce.Query) []Claim {
	var out []Claim
	tasks := map[cid.Cid]*data.Task{} // nil when the document is not here
	for _, r := range c.held.Book.Live(q) {
		if r.Subject != announce.SubjectSet && r.Subject != announce.SubjectModel {
			continue
		}
		if _, seen := tasks[r.Task]; !seen {
			tasks[r.Task], _ = c.TaskHere(ctx, r.Task)
		}
		claim, err := c.memory.claim(r, tasks[r.Task])
		if err != nil {
			c.log.Debug("announcement left out", "root", r.Root, "signer", r.Signer, "error", err)
			continue
		}
		if !c.facts.refute(claim.Says()) {
			out = append(out, claim)
		}
	}
	order := make([]*Claim, len(out)) // claims are large: their order is made of pointers
	for i := range out {
		order[i] = &out[i]
	}
	slices.SortStableFunc(order, func(x, y *Claim) int {
		return cmp.Or(cmp.Compare(x.Root.KeyString(), y.Root.KeyString()),
			before(x.Signer == c.self, y.Signer == c.self), before(tasks[x.Task] != nil, tasks[y.Task] != nil),
			cmp.Compare(x.Bytes, y.Bytes), cmp.Compare(x.Signer, y.Signer))
	})
	sorted := make([]Claim, len(order))
	for i, claim := range order {
		sorted[i] = *claim
	}
	return sorted
}

// before orders what is true first.
func before(x, y bool) int {
	switch {
	case x && !y:
		return -1
	case y && !x:
		return 1
	}
	return 0
}

// readClaim reads a record about a set or model. Without the task's document what
// depends on it is not checked.
func readClaim(r announce.Record, t *data.Task) (Claim, error) {
	claim := Claim{Signer: r.Signer, Kind: r.Kind, Task: r.Task, Subject: r.Subject, Root: r.Root,
		Bytes: r.Bytes, Blocks: r.Blocks}
	if r.Bytes < 1 {
		return claim, errors.New("announced without a size")
	}
	classes := anyClasses
	if t != nil {
		classes = len(t.Classes)
	}
	var err error
	if r.Subject == announce.SubjectSet {
		claim.Set, err = decodeSetBody(r.Schema, r.Body, classes, r.Bytes)
	} else {
		claim.Model, err = decodeModelBody(r.Schema, r.Body)
	}
	return claim, err
}

// Announced lists the roots that are claimed to be a subject of a task, in order.
func (c *Catalogue) Announced(ctx context.Context, task cid.Cid, subject announce.Subject) []cid.Cid {
	var out []cid.Cid
	for _, claim := range c.Claims(ctx, announce.Query{Task: task, Subject: subject}) {
		if len(out) == 0 || !out[len(out)-1].Equals(claim.Root) { // they are in order of root
			out = append(out, claim.Root)
		}
	}
	return out
}

// Refutes reports whether the error of a fetch that was bounded by a claim shows the
// claim to be false: the content is larger than it says, or is no such thing. Other
// errors say nothing about the claim.
func Refutes(err error) bool {
	return errors.Is(err, blocks.ErrTooLarge) || errors.Is(err, blocks.ErrRefused)
}

// Judge notes what a fetch has shown about a claim: it was bounded by the claim's size,
// verified as what the claim names, brought bytes, and ended with err. What was refuted
// is left out by Claims from now on, whoever signs it; other claims about the same root
// stay. A nil error shows what the root is, and refutes all that say otherwise.
func (c *Catalogue) Judge(claim Claim, bytes int64, err error) {
	s := claim.Says()
	switch {
	case err == nil:
		s.Bytes = bytes
		c.facts.prove(s)
		for _, r := range c.held.Book.Live(announce.Query{Root: s.Root}) {
			if r.Subject == announce.SubjectScore {
				continue // it says nothing that content can prove
			}
			c.facts.credit(r.Signer, Statement{Root: r.Root, Task: r.Task, Subject: r.Subject, Bytes: r.Bytes} == s)
		}
	case errors.Is(err, blocks.ErrTooLarge):
		c.facts.larger(s)
		c.facts.credit(claim.Signer, false)
	case errors.Is(err, blocks.ErrRefused):
		c.facts.other(s)
		c.facts.credit(claim.Signer, false)
	}
}

// Proven reports whether content has proven a claim of this signer since the node
// started, and has refuted none since then.
func (c *Catalogue) Proven(signer peer.ID) bool { return c.facts.credited(signer) }

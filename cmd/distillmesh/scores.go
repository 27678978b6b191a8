package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/distill/rank"
	"github.com/distillmesh/distillmesh/distill/text"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/ranking"
	"github.com/distillmesh/distillmesh/node/scores"
)

// verifyTime is how long computing the scores of a set again may take unless --time says.
const verifyTime = time.Hour

// scoreFlags are the flags of rank that are about other nodes.
type scoreFlags struct {
	publish, verify bool
	held            []string // CIDs of the candidates that are sets of this node
}

// checkPublish refuses to announce what others could not compute again.
func (r *rankFlags) checkPublish() error {
	switch {
	case !r.publish && !r.verify:
		return nil
	case r.foreign.dir != "":
		return api.Fail(api.CodeUsage, "leave --export out", "what is exported is not scored")
	case r.together:
		return api.Fail(api.CodeUsage, "leave --together out", "a score is announced or verified of one set by itself")
	case r.ByLabels != rank.Weight || r.ByAugmentation != rank.Weight:
		return api.Fail(api.CodeUsage, "leave --lrs-weight and --ars-weight out",
			"scores that are announced have equal weights")
	}
	return nil
}

// checkAnnounced refuses before any work what could not be announced after it.
func (r *rankFlags) checkAnnounced() error {
	switch {
	case r.publish && len(r.held) != len(r.Candidates):
		return api.Fail(api.CodeUsage, "name sets that are here by their CIDs", "only scores of such sets are announced")
	case r.publish && len(r.Models) > scores.MaxRows:
		return api.Fail(api.CodeUsage, "name fewer with --model", "%d models, and an announcement has room for %d",
			len(r.Models), scores.MaxRows)
	}
	return nil
}

// keepScores remembers what was measured of sets of this node, and announces it if asked.
func (a *app) keepScores(ctx context.Context, doc *rank.Document, r *rankFlags) error {
	if r.together || len(r.held) == 0 || r.ByLabels != rank.Weight {
		return nil
	}
	return a.with(ctx, func(conn api.Conn) error {
		req := operations.RecordScoresRequest{Own: ranking.OwnOf(doc, r.held...)}
		if _, err := operations.RecordScores.Do(ctx, conn, req, nil); err != nil || !r.publish {
			return err
		}
		print, err := ranking.TestPrint(r.Data)
		if err != nil {
			return err
		}
		for _, set := range r.held {
			if err := a.announceScore(ctx, conn, doc, set, print); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *app) announceScore(ctx context.Context, conn api.Conn, doc *rank.Document, set, print string) error {
	score, err := ranking.ScoreOf(doc, set, print)
	if err != nil {
		return err
	}
	req := operations.PublishScoreRequest{CID: set, Score: score}
	done, err := operations.PublishScore.Do(ctx, conn, req, nil)
	if err != nil {
		return err
	}
	what, when := "attested", "now"
	if done.Claim {
		what = "claimed"
	}
	if !done.Announced {
		when = "at the next run"
	}
	a.tell("the score of %s is %s, announced %s", short(set), what, when)
	return nil
}

// verifyScores computes what others claim of a set again.
func (a *app) verifyScores(cmd *cobra.Command, r *rankFlags, names []string) error {
	ctx := cmd.Context()
	if len(names) != 1 {
		return api.Fail(api.CodeUsage, "see 'distillmesh ls --remote'", "--verify takes one set, by its CID")
	}
	if err := a.rankedSets(cmd, r, names); err != nil {
		return err
	}
	if len(r.held) != 1 {
		return api.Fail(api.CodeUsage, "name a set that is here by its CID", "%s is no set that others could know", names[0])
	}
	v := ranking.Verifying{Plan: r.Plan, Options: r.Options, Most: verifyTime}
	if r.most > 0 {
		v.Most = r.most
	}
	err := a.with(ctx, func(conn api.Conn) error {
		known, err := operations.Scores.Do(ctx, conn, operations.RootRequest{CID: r.held[0]}, nil)
		if err != nil {
			return err
		}
		status, err := operations.Status.Do(ctx, conn, api.None{}, nil)
		v.Known, v.Self = known.Known, status.ID
		return err
	})
	if err != nil {
		return err
	}
	got, err := ranking.Verify(ctx, v)
	if err != nil {
		return err
	}
	err = a.with(ctx, func(conn api.Conn) error {
		req := operations.RecordScoresRequest{Own: got.Own, Judged: got.Judgments}
		if _, err := operations.RecordScores.Do(ctx, conn, req, nil); err != nil {
			return err
		}
		if r.publish && got.Document != nil {
			return a.announceScore(ctx, conn, got.Document, got.Set, got.Print)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := a.showVerified(got); err != nil {
		return err
	}
	return unverified(got.Checked)
}

// unverified is the error of claims of which one is false, or of which nothing could be decided. What others
// attest is shown and not counted: anybody may attest anything.
func unverified(checked []ranking.Verification) error {
	claims, agree, differ := 0, 0, 0
	for _, v := range checked {
		if v.Kind != ranking.Claim {
			continue
		}
		claims++
		switch v.Verdict {
		case ranking.Agrees:
			agree++
		case ranking.Differs:
			differ++
		}
	}
	switch {
	case differ > 0:
		return api.Fail(api.CodeVerify, "'distillmesh show CID' says whose; this node's lists count them as false",
			"%d of %s differ from what was computed", differ, count(claims, "claimed score"))
	case agree == 0:
		return api.Fail(api.CodeVerify, "give more --time, or --data with the same test part",
			"none of %s could be compared", count(claims, "claimed score"))
	}
	return nil
}

// showVerified prints claims and what was computed side by side.
func (a *app) showVerified(got *ranking.Verified) error {
	a.finish()
	if a.json {
		return a.document(map[string]any{"set": got.Set, "verified": nonNil(got.Checked), "rule": rule})
	}
	for _, v := range got.Checked {
		on := ""
		if v.Model != "" {
			on = " on " + text.Printable(v.Model)
		}
		a.print("%s of %s%s: %s", v.Kind, short(v.Signer), on, text.Printable(v.Verdict))
		var rows [][]string
		for _, d := range v.Values {
			verdict := "agrees"
			if !d.Agrees {
				verdict = fmt.Sprintf("off by %.4f", d.Off())
			}
			rows = append(rows, []string{d.Name, plusMinus(d.Claimed), plusMinus(d.Measured),
				fmt.Sprintf("%.4f", d.Allowed), verdict})
		}
		if len(rows) > 0 {
			a.table("VALUE CLAIMED COMPUTED ALLOWED VERDICT", rows)
		}
	}
	a.tell("%s", rule)
	return nil
}

// rule says when two values agree.
var rule = fmt.Sprintf("agrees: |claimed - computed| <= 2 sqrt(s1^2/n1 + s2^2/n2) + %v, "+
	"the claimed deviation s1 counted as at most twice the computed one", scores.Floor)

func plusMinus(v scores.Value) string {
	if v.N < 2 {
		return fmt.Sprintf("%.4f", v.Mean)
	}
	return fmt.Sprintf("%.4f+-%.4f(%d)", v.Mean, v.Std, v.N)
}

// Anybody may announce a score: lists show so many, what this node found out first.
const (
	shownInCell  = 4
	shownInTable = 20
)

// scoreCell is what a list says of the scores of a set: LRS on the first model, what this node
// computed, attestations and claims apart.
func scoreCell(k *scores.Known) string {
	if k == nil {
		return "-"
	}
	var parts []string
	for _, o := range k.Verified {
		parts = append(parts, fmt.Sprintf("verified:%.3f", o.LRS.Mean))
	}
	for _, part := range []struct {
		what   string
		signed []scores.Signed
	}{{"attested", k.Attestations}, {"claimed", k.Claims}} {
		for _, s := range judgedFirst(part.signed) {
			cell := fmt.Sprintf("%s:%.3f", part.what, s.Score.Rows[0].LRS.Mean)
			if s.Failed() {
				cell += "(false)"
			}
			parts = append(parts, cell)
		}
	}
	if more := len(parts) - shownInCell; more > 0 {
		parts = append(parts[:shownInCell:shownInCell], fmt.Sprintf("+%d", more))
	}
	if len(parts) == 0 {
		return "-"
	}
	return strings.Join(parts, ",")
}

// judgedFirst orders scores so that those come first of which this node found something.
func judgedFirst(all []scores.Signed) []scores.Signed {
	return slices.SortedStableFunc(slices.Values(all), func(x, y scores.Signed) int {
		return cmp.Compare(min(1, len(y.Judged)), min(1, len(x.Judged)))
	})
}

// showScores prints who says what of how good a set is.
func (a *app) showScores(k scores.Known) {
	a.showOwnScores(k.Verified)
	for _, part := range []struct {
		what   string
		signed []scores.Signed
	}{{"claimed by who offers the set", k.Claims}, {"attested by others", k.Attestations}} {
		var rows [][]string
		shown := judgedFirst(part.signed)[:min(len(part.signed), shownInTable)]
		for _, s := range shown {
			for _, r := range s.Score.Rows {
				found := "-"
				for _, j := range s.Judged {
					if j.Model == r.Model {
						found = j.String()
					}
				}
				rows = append(rows, []string{short(s.Signer), text.Printable(r.Model), fmt.Sprintf("%.3f", r.LRS.Mean),
					fmt.Sprintf("%.3f", r.HLR.Mean), fmt.Sprintf("%.3f", r.IOR.Mean), fmt.Sprint(s.Score.Trials),
					text.Printable(s.Score.Data), found})
			}
		}
		if len(rows) > 0 {
			a.print("\nscores %s", part.what)
			a.table("SIGNER MODEL LRS HLR IOR TRIALS DATA FOUND-HERE", rows)
		}
		if more := len(part.signed) - len(shown); more > 0 {
			a.tell("%s by other signers are not shown: --json has all", count(more, "more score"))
		}
	}
}

func (a *app) showOwnScores(own []scores.Own) {
	if len(own) == 0 {
		return
	}
	var rows [][]string
	for _, o := range own {
		rows = append(rows, []string{text.Printable(o.Model), fmt.Sprintf("%.3f", o.LRS.Mean),
			fmt.Sprintf("%.3f", o.HLR.Mean), fmt.Sprintf("%.3f", o.IOR.Mean), text.Printable(o.Recipe),
			o.At.Format("2006-01-02")})
	}
	a.print("\nscores computed by this node")
	a.table("MODEL LRS HLR IOR RECIPE DATE", rows)
}

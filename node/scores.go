package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill/rank"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/scores"
	"github.com/distillmesh/distillmesh/p2p/announce"
)

// checkScore refuses a score that cannot be computed again in a bounded time, or does not follow
// from its accuracies.
func checkScore(s *scores.Score) error {
	var r rank.Recipe
	d := json.NewDecoder(bytes.NewReader(s.Recipe))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return fmt.Errorf("%w: recipe: %w", scores.ErrRefused, err)
	}
	if err := rank.CheckEffort(r, s.Trials, s.References, s.Epochs); err != nil {
		return fmt.Errorf("%w: %w", scores.ErrRefused, err)
	}
	for _, row := range s.Rows {
		if err := scores.Follows(*row.LRS, *row.HLR, *row.IOR, equally(rank.LRS), steepest); err != nil {
			return fmt.Errorf("%s: lrs: %w", row.Model, err)
		}
		if row.ARS == nil {
			continue
		}
		with, plain := row.Gains()
		if with == nil || plain == nil {
			return fmt.Errorf("%w: %s: ars stands without the accuracies that it comes from", scores.ErrRefused, row.Model)
		}
		if err := scores.Follows(*row.ARS, *with, *plain, equally(rank.ARS), steepest); err != nil {
			return fmt.Errorf("%s: ars: %w", row.Model, err)
		}
	}
	return nil
}

// steepest is the largest second derivative of both scores as functions of what they map.
var steepest = math.E / (math.E - 1/math.E)

// equally is a score of equal weights.
func equally(of func(a, b, weight float64) (float64, error)) func(a, b float64) (float64, error) {
	return func(a, b float64) (float64, error) { return of(a, b, rank.Weight) }
}

// scored finds a set and its task.
func (n *Node) scored(ctx context.Context, name string) (root, task cid.Cid, err error) {
	if root, err = n.known.FindRoot(ctx, name); err != nil {
		return root, task, err
	}
	task, subject := n.known.SubjectOf(ctx, root)
	if subject != announce.SubjectSet {
		return root, task, api.Fail(api.CodeNotFound, "list sets with 'distillmesh ls' or 'distillmesh ls --remote'",
			"no set %s is known here", root)
	}
	return root, task, nil
}

func (n *Node) scores(ctx context.Context, req operations.RootRequest, _ api.Report) (operations.SetScores, error) {
	root, task, err := n.scored(ctx, req.CID)
	if err != nil {
		return operations.SetScores{}, err
	}
	if n.mesh != nil && !slices.ContainsFunc(n.mesh.Tasks(), task.Equals) { // else gossip has brought them
		n.known.Refresh(ctx, task)
	}
	return operations.SetScores{CID: root.String(), Task: task.String(), Known: *n.known.Scores(ctx, task, root)}, nil
}

func (n *Node) publishScore(ctx context.Context, req operations.PublishScoreRequest, _ api.Report) (
	operations.PublishedScore, error) {
	fail := func(err error) (operations.PublishedScore, error) { return operations.PublishedScore{}, err }
	root, task, err := n.scored(ctx, req.CID)
	if err != nil {
		return fail(err)
	}
	body, err := req.Score.Encode()
	if err == nil {
		err = checkScore(&req.Score)
	}
	if err != nil {
		return fail(api.Fail(api.CodeUsage, "announce fewer models at once, measured by 'distillmesh rank'", "%w", err))
	}
	if err := n.announceTask(ctx, task); err != nil {
		return fail(err)
	}
	err = n.announce(ctx, announce.Announcement{Task: task, Kind: announce.Offer, Subject: announce.SubjectScore,
		Root: root, Schema: scores.Schema, Body: body})
	offers := n.held.Book.Count(announce.Query{Task: task, Subject: announce.SubjectSet, Root: root, Signer: n.id,
		Kinds: []announce.Kind{announce.Offer}})
	return operations.PublishedScore{CID: root.String(), Claim: offers > 0, Announced: n.mesh != nil}, err
}

func (n *Node) recordScores(_ context.Context, req operations.RecordScoresRequest, _ api.Report) (api.None, error) {
	now := time.Now().UTC().Truncate(time.Second)
	for i := range req.Own {
		req.Own[i].At = now
	}
	for i := range req.Judged {
		req.Judged[i].At = now
	}
	return api.None{}, n.held.State.AddScores(req.Own, req.Judged, n.known.Since())
}

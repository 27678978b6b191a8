package node

import (
	"context"
	"io/fs"
	"slices"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/catalogue"
	"github.com/distillmesh/distillmesh/node/holdings"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/p2p/announce"
)

func (n *Node) listSets(ctx context.Context, q operations.SetQuery, _ api.Report) ([]operations.SetInfo, error) {
	only := cid.Undef
	if q.Task != "" {
		task, _, err := n.known.FindTask(ctx, q.Task)
		if err != nil {
			return nil, err
		}
		only = task
	}
	if q.Remote && n.mesh == nil {
		return nil, needsMesh("listing what others announce")
	}
	if q.Remote {
		n.known.Refresh(ctx, only)
	}
	all, err := n.known.Sets(ctx, only)
	return slices.DeleteFunc(all, func(s operations.SetInfo) bool {
		if q.Remote {
			return len(s.Holders) == 0
		}
		return !s.Here
	}), err
}

func (n *Node) listHeldSets(ctx context.Context, req operations.TaskRequest, _ api.Report) ([]string, error) {
	task, _, err := n.known.FindTask(ctx, req.Name)
	if err != nil {
		return nil, err
	}
	held, err := n.held.List(ctx, announce.SubjectSet, task)
	return rootsOf(held), err
}

// rootsOf lists the roots of holdings in order of their CIDs.
func rootsOf(held []holdings.Holding) []string {
	var out []string
	for _, h := range held {
		out = append(out, h.Root.String())
	}
	slices.Sort(out)
	return out
}

func (n *Node) addSet(ctx context.Context, req operations.AddSetRequest, files fs.FS, _ api.Report) (
	operations.SetInfo, error) {
	set, m, err := n.add(ctx, announce.SubjectSet, req.Task, files)
	if err != nil {
		return operations.SetInfo{}, err
	}
	if err := n.held.State.AddOrigin(set.Root, req.Origin); err != nil {
		return operations.SetInfo{}, err
	}
	return n.known.DescribeSet(set, *m.set), nil
}

// add verifies the files of a set or model, joins its task and stores them.
func (n *Node) add(ctx context.Context, subject announce.Subject, task string, files fs.FS) (holdings.Holding,
	manifest, error) {
	fail := func(err error) (holdings.Holding, manifest, error) { return holdings.Holding{}, manifest{}, err }
	c, t, err := n.known.FindTask(ctx, task)
	if err != nil {
		return fail(err)
	}
	m, err := verifyFiles(files, t, subject, artifact.Limits{})
	if err != nil {
		return fail(err)
	}
	if err := n.takePart(ctx, t); err != nil {
		return fail(err)
	}
	h, err := n.held.Add(ctx, subject, c, files)
	return h, m, err
}

func (n *Node) publish(ctx context.Context, req operations.PublishRequest, _ api.Report) (operations.Published, error) {
	fail := func(err error) (operations.Published, error) { return operations.Published{}, err }
	root, err := n.known.FindRoot(ctx, req.CID)
	if err != nil {
		return fail(err)
	}
	task, subject := n.known.SubjectOf(ctx, root)
	if subject != announce.SubjectSet {
		return fail(api.Fail(api.CodeUsage, "list sets with 'distillmesh ls'", "%s is not a set of this node", root))
	}
	m, err := n.verify(ctx, root, task, subject)
	if err != nil {
		return fail(err)
	}
	if name, empty := n.held.State.EmptyOrigin(root); empty {
		return fail(api.Fail(api.CodeRefused,
			"remove it with 'distillmesh rm "+root.String()+"', and distill a part that has samples",
			"the set was made of %s, which has no samples: it holds data of other parts", name))
	}
	if err := operations.MayLeave(*m.set); err != nil && !req.AllowReal {
		return fail(err)
	}
	set, err := n.held.Find(ctx, root)
	if err != nil {
		return fail(err)
	}
	out := operations.Published{Set: n.known.DescribeSet(set, *m.set), Announced: n.mesh != nil && !req.DryRun,
		Bytes: set.Bytes}
	if req.DryRun {
		return out, nil
	}
	out.Set.Published = true
	return out, n.announceHolding(ctx, announce.Offer, set, m)
}

func (n *Node) listModels(ctx context.Context, _ api.None, _ api.Report) ([]operations.ModelInfo, error) {
	return n.known.Models(ctx)
}

func (n *Node) addModel(ctx context.Context, req operations.AddModelRequest, files fs.FS, _ api.Report) (
	operations.ModelInfo, error) {
	model, m, err := n.add(ctx, announce.SubjectModel, req.Task, files)
	if err != nil {
		return operations.ModelInfo{}, err
	}
	if req.Publish {
		if err := n.announceHolding(ctx, announce.Offer, model, m); err != nil {
			return operations.ModelInfo{}, err
		}
	}
	return catalogue.DescribeModel(model, *m.model), nil
}

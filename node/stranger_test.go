package node

import (
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/node/catalogue"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/p2p/announce"
)

// Twenty strangers lie about a set before and while its maker announces it: about what
// it is, whose task it belongs to, and its size. The trainer gets it all the same.
func TestStrangersWhoLieAboutASetDoNotKeepItFromATrainer(t *testing.T) {
	h, n, name := offline(t)
	made := makeSet(t, n, name, "gmm", 1)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	edge := start(t, h, StartOptions{})
	trainer := start(t, shortHome(t), StartOptions{Role: RoleTrainer, Bootstrap: []string{edge.addr}})
	root, task := cid.MustParse(made.CID), cid.MustParse(made.Task)
	images := catalogue.SetBody{Method: "gmm", Images: made.Images, Counts: made.Counts, Formation: 1}
	strangerAt(t, trainer.addr).say(t, announce.Announcement{Task: task, Kind: announce.Offer,
		Subject: announce.SubjectTask, Root: task, Bytes: 1, Blocks: 1}, nil)
	for i := range 20 {
		liar := strangerAt(t, trainer.addr)
		lie := announce.Announcement{Task: task, Kind: announce.Have, Subject: announce.SubjectSet, Root: root,
			Bytes: made.Bytes, Blocks: made.Blocks, Schema: catalogue.SchemaSet}
		body := catalogue.Body(images)
		switch i % 4 {
		case 0:
			lie.Subject, lie.Schema, body = announce.SubjectModel, catalogue.SchemaModel, catalogue.ModelBody{Model: "lenet"}
		case 1:
			lie.Bytes = 1 << 50
		case 2:
			lie.Bytes = 1000 + int64(i)
		case 3:
			lie.Kind, lie.Bytes = announce.Offer, made.Bytes-1
		}
		liar.say(t, lie, body)
	}
	until(t, "lied to", func() bool {
		return len(trainer.node.held.Book.Live(announce.Query{Root: root})) == 20
	})
	if _, err := operations.Publish.Do(t.Context(), edge, operations.PublishRequest{CID: made.CID}, nil); err != nil {
		t.Fatal(err)
	}
	until(t, "fetched", func() bool { return len(sets(t, trainer)) == 1 })
	got := sets(t, trainer)[0]
	if got.CID != made.CID || got.Bytes != made.Bytes || got.Task != made.Task {
		t.Errorf("holds %+v, want %+v", got, made)
	}
	until(t, "listed by one signer", func() bool {
		all, err := operations.Sets.Do(t.Context(), trainer, operations.SetQuery{Remote: true}, nil)
		return err == nil && len(all) == 1 && len(all[0].Signers) == 1 && all[0].Signers[0] == edge.node.ID().String()
	})
}

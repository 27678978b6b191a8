package node

import (
	"context"
	"io/fs"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/catalogue"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/model"
)

// manifest is that of a set or of a model whose files were verified, one of the two.
type manifest struct {
	set   *artifact.Manifest
	model *artifact.ModelManifest
}

// body is what an announcement says of it.
func (m manifest) body() (schema string, body catalogue.Body) {
	if m.model != nil {
		return catalogue.SchemaModel, catalogue.ModelBody{Model: m.model.Model, Sets: len(m.model.Sets)}
	}
	return catalogue.SchemaSet, catalogue.SetBody{Method: m.set.Method.Name, Images: m.set.Images.Count,
		Counts: m.set.Counts, Consumer: m.set.Consumer, Formation: m.set.Formation.Factor,
		ContainsReal: m.set.ContainsReal}
}

// limits bound what is read of a set or model: no file, and no images in memory, beyond
// what a fetch may bring.
func (n *Node) limits() artifact.Limits {
	most := int64(n.config.Trainer.MaxSetSize)
	return artifact.Limits{FileBytes: most, DecodedBytes: 4 * most}
}

// verifyFiles verifies the files of a set or model, which are read in pieces.
func verifyFiles(files fs.FS, t *data.Task, subject announce.Subject, limits artifact.Limits) (manifest, error) {
	if subject == announce.SubjectModel {
		m, err := artifact.VerifyModel(files, t, limits, model.Check)
		if err != nil {
			return manifest{}, err
		}
		return manifest{model: &m}, nil
	}
	m, err := artifact.VerifySet(files, t, limits)
	if err != nil {
		return manifest{}, err
	}
	return manifest{set: &m}, nil
}

// verify reads stored content again, since a disk can damage it.
func (n *Node) verify(ctx context.Context, root, task cid.Cid, subject announce.Subject) (manifest, error) {
	t, err := n.known.Task(ctx, task)
	if err != nil {
		return manifest{}, err
	}
	fsys, err := n.held.Files(ctx, root)
	if err != nil {
		return manifest{}, err
	}
	return verifyFiles(fsys, t, subject, artifact.Limits{})
}

package main

import (
	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/train/data"
)

// splitFlags are the flags that say how data are handed to clients.
type splitFlags struct {
	data.Split // of Clients and Seed
	ring       int
	alpha      float64
	iid        bool
}

func (s *splitFlags) add(c *cobra.Command) {
	s.Clients = 10
	c.Flags().IntVar(&s.Clients, "clients", s.Clients, "number of parts")
	c.Flags().IntVar(&s.ring, "ring", 0, "classes per client, as a ring")
	c.Flags().Float64Var(&s.alpha, "dirichlet", 0, "concentration of a Dirichlet split")
	c.Flags().BoolVar(&s.iid, "iid", false, "equal random shares")
}

// parse is the split asked for; without any of its flags a ring of so many
// classes per client, or an error when that is 0.
func (s *splitFlags) parse(usualRing int) (data.Split, error) {
	split, chosen := s.Split, 0
	if s.ring == 0 && s.alpha == 0 && !s.iid {
		s.ring = usualRing
	}
	if s.ring != 0 {
		split.Kind, split.PerClient, chosen = data.Ring, s.ring, chosen+1
	}
	if s.alpha != 0 {
		split.Kind, split.Alpha, chosen = data.Dirichlet, s.alpha, chosen+1
	}
	if s.iid {
		split.Kind, chosen = data.IID, chosen+1
	}
	if chosen != 1 {
		return split, api.Fail(api.CodeUsage, "'--ring 2' gives each client two classes",
			"want one of --ring K, --iid, --dirichlet ALPHA")
	}
	return split, nil
}

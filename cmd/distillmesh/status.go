package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/distill/text"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
)

func (a *app) statusCommand() *cobra.Command {
	return a.readFlags(&cobra.Command{Use: "status", Short: "One screen about this node", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(conn api.Conn) error {
				s, err := operations.Status.Do(cmd.Context(), conn, api.None{}, nil)
				if err != nil {
					return err
				}
				if a.json {
					return a.document(s)
				}
				state := "not running ('distillmesh run' starts it)"
				if s.Running {
					state = fmt.Sprintf("running for %.0f s, %s", s.Uptime, count(s.Peers, "peer"))
				}
				a.print("node      %s\nstate     %s\nrole      %s\nmesh      %s\nhome      %s\ntasks     %d\nsets      %d "+
					"here\nmodels    %d here\nknown     %d live announcements\nstore     %s of %s",
					s.ID, state, s.Role, s.Mesh, s.Home, s.Tasks, s.Sets, s.Models, s.Announced, text.Bytes(s.StoreBytes),
					text.Bytes(s.QuotaBytes))
				for _, addr := range s.Addrs {
					a.print("address   %s", addr)
				}
				for _, q := range s.Quarantined {
					a.print("left out  %s: %s", short(q.CID), q.Why)
				}
				for _, p := range s.Problems {
					a.print("problem   %s\nremedy    %s", p.Message, p.Hint)
				}
				return nil
			})
		}}, false)
}

func (a *app) peersCommand() *cobra.Command {
	return a.readFlags(&cobra.Command{Use: "peers", Short: "List connected peers, and why others were refused",
		Args: args(0, 0), RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(conn api.Conn) error {
				all, err := operations.Peers.Do(cmd.Context(), conn, api.None{}, nil)
				if err != nil {
					return err
				}
				if a.json {
					return a.document(map[string]any{"peers": nonNil(all)})
				}
				var rows [][]string
				for _, p := range all {
					if a.quiet {
						a.print("%s", p.ID)
					}
					state := fmt.Sprintf("%s %.0fs", p.Direction, p.Seconds)
					if p.Clock != "" {
						state += ", clock " + p.Clock
					}
					if p.Refused != "" {
						state = "refused: " + p.Refused
					}
					rows = append(rows, []string{short(p.ID), p.Role, p.Agent, fmt.Sprintf("%.1f", p.LatencyMS),
						strings.ReplaceAll(text.Bytes(p.In), " ", ""),
						strings.ReplaceAll(text.Bytes(p.Out), " ", ""), strings.Join(p.Addrs,
							","), state})
				}
				if !a.quiet {
					a.table("ID ROLE AGENT MS IN OUT ADDRESS STATE", rows)
				}
				return nil
			})
		}}, true)
}

func (a *app) costCommand() *cobra.Command {
	req := operations.CostRequest{Model: "lenet"}
	c := &cobra.Command{Use: "cost", Short: "Bytes moved by this node, and what FedAvg would have moved",
		Args: args(0, 0), RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(conn api.Conn) error {
				cost, err := operations.Cost.Do(cmd.Context(), conn, req, nil)
				if err != nil {
					return err
				}
				if a.json {
					return a.document(cost)
				}
				rows := [][]string{{"all", text.Bytes(cost.In), text.Bytes(cost.Out)}}
				for _, p := range cost.Protocols() {
					name := p
					if name == "" {
						name = "(choosing a protocol)"
					}
					rows = append(rows, []string{name, text.Bytes(cost.ByProtocol[p].In), text.Bytes(cost.ByProtocol[p].Out)})
				}
				a.table("PROTOCOL RECEIVED SENT", rows)
				switch {
				case cost.FedAvg == nil && req.Task != "":
					a.print("\n%s offer %s of sets; %s has no weights that FedAvg could move", count(cost.Clients, "client"),
						text.Bytes(cost.SetBytes), cost.Model)
				case cost.FedAvg != nil:
					a.print("\n%s offer %s of sets; one-shot FedAvg of %s (%d parameters) would move %s up and %s down",
						count(cost.Clients, "client"), text.Bytes(cost.SetBytes), cost.Model, cost.Parameters, text.Bytes(cost.FedAvg.Up),
						text.Bytes(cost.FedAvg.Down))
				}
				return nil
			})
		}}
	c.Flags().StringVar(&req.Task, "task", "", "compare with FedAvg on this task")
	c.Flags().StringVar(&req.Model, "model", req.Model, "the network FedAvg would train")
	return a.readFlags(c, false)
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/text"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/jobs"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/scores"
)

func (a *app) lsCommand() *cobra.Command {
	var q operations.SetQuery
	c := &cobra.Command{Use: "ls", Short: "List sets: here, or announced on the mesh (--remote)", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), func(conn api.Conn) error {
				all, err := operations.Sets.Do(cmd.Context(), conn, q, a.report)
				if err != nil {
					return err
				}
				var damage error
				if !q.Remote {
					damage = a.sayDamage(cmd.Context(), conn, q, all)
				}
				if damage != nil && len(all) == 0 {
					return damage
				}
				return errors.Join(a.showSets(all, q.Remote), damage)
			})
		}}
	c.Flags().BoolVar(&q.Remote, "remote", false, "what the mesh announces")
	c.Flags().StringVar(&q.Task, "task", "", "of this task alone")
	return a.readFlags(c, true)
}

func (a *app) showSets(all []operations.SetInfo, remote bool) error {
	switch {
	case a.json:
		return a.document(map[string]any{"sets": nonNil(all)})
	case a.quiet:
		for _, s := range all {
			a.print("%s", s.CID)
		}
		return nil
	}
	var rows [][]string
	for _, s := range all {
		row := []string{short(s.CID), s.TaskName, s.Method, strconv.Itoa(s.Images), classesOf(s.Counts),
			strings.ReplaceAll(text.Bytes(s.Bytes), " ", ""), yes(s.ContainsReal)}
		if remote {
			row = append(row, offeredBy(s), strconv.Itoa(len(s.Holders)), yes(s.Here), scoreCell(s.Scores))
		} else {
			row = append(row, s.Origin, yes(s.Published))
		}
		rows = append(rows, row)
	}
	header := "CID TASK METHOD IMAGES CLASSES BYTES REAL "
	if remote {
		a.table(header+"SIGNER HOLDERS HERE LRS", rows)
	} else {
		a.table(header+"FROM PUBLISHED", rows)
	}
	return nil
}

// sayDamage warns of damaged records, and fails when sets that are kept could not be listed.
func (a *app) sayDamage(ctx context.Context, conn api.Conn, q operations.SetQuery, listed []operations.SetInfo) error {
	status, err := operations.Status.Do(ctx, conn, api.None{}, nil)
	if err != nil {
		return err
	}
	for _, p := range status.Problems {
		if p.Code == operations.ProblemStore {
			fmt.Fprintf(a.stderr, "distillmesh: warning: %s\n", text.Printable(p.Message))
		}
	}
	if missing := status.Sets - len(listed); q.Task == "" && missing > 0 {
		return api.Fail(api.CodeVerify, "the node's log names them; 'distillmesh get CID' fetches a set again",
			"%d of %d sets that are kept here cannot be read", missing, status.Sets)
	}
	return nil
}

// first is the first of a list, or nothing.
func first(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return ids[0]
}

// offeredBy says who offers a set: nobody, when its maker has withdrawn it or is gone and
// others still serve their copies.
func offeredBy(s operations.SetInfo) string {
	if len(s.Signers) == 0 && len(s.Holders) > 0 {
		return "nobody"
	}
	return short(first(s.Signers))
}

// classesOf lists the classes with images, by index; many of them as ranges.
func classesOf(counts []int) string {
	var held, ranges []string
	for c := 0; c < len(counts); c++ {
		from := c
		for ; c < len(counts) && counts[c] > 0; c++ {
			held = append(held, strconv.Itoa(c))
		}
		switch {
		case c-from > 1:
			ranges = append(ranges, fmt.Sprintf("%d-%d", from, c-1))
		case c > from:
			ranges = append(ranges, strconv.Itoa(from))
		}
	}
	if len(held) > 16 {
		return strings.Join(ranges, ",")
	}
	return strings.Join(held, ",")
}

func (a *app) showCommand() *cobra.Command {
	weigh := false
	c := &cobra.Command{Use: "show CID", Short: "Show a set or model that is here", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return a.with(cmd.Context(), func(conn api.Conn) error {
				content, files, err := operations.Read.Do(cmd.Context(), conn, operations.RootRequest{CID: argv[0]}, nil)
				if err != nil {
					return err
				}
				if weigh {
					return a.showBytes(content.CID, files)
				}
				if a.json {
					return a.showDocument(cmd.Context(), conn, content, files)
				}
				a.print("%s %s\n", content.Subject, content.CID)
				card, ok := files[artifact.CardFile]
				if !ok && content.Subject == "set" { // it travels without
					set, err := jobs.ReadSet(cmd.Context(), conn, content.CID)
					if err != nil {
						return err
					}
					card = artifact.Card(set.Task, set.Manifest)
				}
				a.print("%s", lines(strings.TrimSpace(string(card)))) // a peer may have written it
				known, err := scoresOf(cmd.Context(), conn, content)
				a.showScores(known)
				return err
			})
		}}
	c.Flags().BoolVar(&weigh, "bytes", false, "show where each byte goes")
	return a.readFlags(c, false)
}

// scoresOf is what is known of how good a set is.
func scoresOf(ctx context.Context, conn api.Conn, content operations.Content) (scores.Known, error) {
	if content.Subject != "set" {
		return scores.Known{}, nil
	}
	got, err := operations.Scores.Do(ctx, conn, operations.RootRequest{CID: content.CID}, nil)
	return got.Known, err
}

// showDocument prints the manifest of a set or model.
func (a *app) showDocument(ctx context.Context, conn api.Conn, content operations.Content,
	files artifact.Files) error {
	var manifest any
	switch {
	case content.Subject == "model":
		manifest = json.RawMessage(files[artifact.ModelFile])
	case files[artifact.SmallFile] != nil:
		set, err := jobs.ReadSet(ctx, conn, content.CID)
		if err != nil {
			return err
		}
		manifest = set.Manifest
	default:
		manifest = json.RawMessage(files[artifact.ManifestFile])
	}
	doc := map[string]any{"cid": content.CID, "subject": content.Subject, "origin": content.Origin,
		"manifest": manifest}
	if content.Subject == "set" {
		known, err := scoresOf(ctx, conn, content)
		if err != nil {
			return err
		}
		doc["scores"] = known
	}
	return a.document(doc)
}

// showBytes prints what the bytes of a set or model are for.
func (a *app) showBytes(cid string, files artifact.Files) error {
	parts, err := files.Weigh()
	if err != nil {
		return err
	}
	if a.json {
		return a.document(map[string]any{"cid": cid, "bytes": files.Bytes(), "parts": parts})
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, p := range parts {
		fmt.Fprintf(w, "%d\t %s\t\n", p.Bytes, text.Printable(p.What))
	}
	fmt.Fprintf(w, "%d\t in all\t\n", files.Bytes())
	return w.Flush()
}

func (a *app) getCommand() *cobra.Command {
	out := ""
	c := &cobra.Command{Use: "get CID", Short: "Fetch a set or model by CID, verified and pinned", Args: args(1, 1),
		RunE: func(cmd *cobra.Command, argv []string) error {
			return a.with(cmd.Context(), func(conn api.Conn) error {
				got, err := operations.Fetch.Do(cmd.Context(), conn, operations.RootRequest{CID: argv[0]}, a.report)
				if err != nil {
					return err
				}
				if out != "" {
					if err := a.export(cmd, conn, got.CID, out); err != nil {
						return err
					}
				}
				a.finish()
				if a.json {
					return a.document(got)
				}
				a.print("%s", got.CID)
				if got.Here {
					a.tell("it was here already")
				} else {
					a.tell("%s from %s", text.Bytes(got.Fetched), count(len(got.From), "peer"))
				}
				return nil
			})
		}}
	c.Flags().StringVarP(&out, "output", "o", "", "also write its files into this new folder")
	return a.readFlags(c, false)
}

func (a *app) rmCommand() *cobra.Command {
	return a.readFlags(&cobra.Command{Use: "rm CID",
		Short: "Remove a set or model: unpin it here and withdraw what was announced", Args: args(1, 1),
		Long: "Unpin a set or model, delete its blocks, and withdraw this node's announcement of it. Copies that others " +
			"fetched stay with them.",
		RunE: func(cmd *cobra.Command, argv []string) error {
			return a.with(cmd.Context(), func(conn api.Conn) error {
				gone, err := operations.Remove.Do(cmd.Context(), conn, operations.RootRequest{CID: argv[0]}, nil)
				if err != nil {
					return err
				}
				if a.json {
					return a.document(map[string]any{"cid": gone.CID, "subject": gone.Subject})
				}
				a.print("%s", gone.CID)
				return nil
			})
		}}, false)
}

func (a *app) gatherCommand() *cobra.Command {
	var req operations.GatherRequest
	budget, order := "", ""
	c := &cobra.Command{Use: "gather", Short: "Choose and fetch the sets of a task, and say why each was taken",
		Args: args(0, 0), RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if req.BudgetBytes, err = parseBudget(budget); err != nil {
				return err
			}
			if req.ByScore = order == "score"; order != "" && !req.ByScore {
				return api.Fail(api.CodeUsage, "leave it out to choose by what sets add per byte", "--order %s: want score", order)
			}
			if !(req.MinScore >= 0 && req.MinScore <= 1) {
				return api.Fail(api.CodeUsage, "an LRS is a fraction: 0.3, not 30", "--min-score %v: want 0 to 1", req.MinScore)
			}
			if req.Task == "" {
				return api.Fail(api.CodeUsage, "list the tasks with 'distillmesh task ls'", "gather needs --task")
			}
			return a.with(cmd.Context(), func(conn api.Conn) error {
				got, err := operations.Gather.Do(cmd.Context(), conn, req, a.report)
				if err != nil {
					return err
				}
				return a.showGathered(got, req.Explain)
			})
		}}
	c.Flags().StringVar(&req.Task, "task", "", "the task, by name or CID")
	c.Flags().StringVar(&budget, "budget", "", "at most this many bytes, such as 100KB (default: no bound)")
	c.Flags().StringArrayVar(&req.From, "from", nil, "only sets offered by this node id; may be repeated")
	c.Flags().Float64Var(&req.MinScore, "min-score", 0,
		"only sets whose LRS this node computed, or two others attest, to be this at least")
	c.Flags().StringVar(&order, "order", "", "score: the largest LRS computed here first, then attested ones")
	c.Flags().BoolVar(&req.Explain, "explain", false, "choose and say why, but fetch nothing")
	return a.readFlags(c, true)
}

func (a *app) showGathered(got operations.Gathered, explain bool) error {
	a.finish()
	switch {
	case a.json:
		return a.document(got)
	case a.quiet:
		for _, s := range got.Sets {
			a.print("%s", s)
		}
		return nil
	}
	var rows [][]string
	for _, c := range got.Choices {
		verdict := "left"
		if c.Taken {
			verdict = "taken"
		}
		rows = append(rows, []string{short(c.Set.CID), verdict, strings.ReplaceAll(text.Bytes(c.Set.Bytes), " ", ""),
			short(first(c.Set.Signers)), c.Why})
	}
	a.table("CID VERDICT BYTES SIGNER WHY", rows)
	if !explain {
		a.tell("%s here, %s; %s fetched just now", count(len(got.Sets), "set"), text.Bytes(got.Bytes),
			text.Bytes(got.Fetched))
	}
	return nil
}

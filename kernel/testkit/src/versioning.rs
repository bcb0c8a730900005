//! What keeping the promise of [`Versioning`] looks like.
//!
//! Every check is a function named after what it holds, and takes an engine that has been started. It makes
//! repositories of its own, so checks may share an engine; [`conforms`] runs them all. The checks compare with a
//! [`model`] that computes git's trees and commits on its own.
#![allow(clippy::unwrap_used)] // A broken promise is a panic: that is what a test says.

pub mod commits;
pub mod concurrency;
pub mod fetching;
pub mod history;
pub mod listing;
mod model;
pub mod pushing;
pub mod random;
mod reader;
pub mod refs;
pub mod relocation;
pub mod repo;
pub mod rewriting;
pub mod upkeep;

use std::sync::Arc;

use ballast_contract::versioning::Versioning;

/// Runs every check. The engine is fresh and started; it panics where a promise is broken.
pub async fn conforms(engine: Arc<dyn Versioning>) {
    let engine = &engine;
    commits::a_commit_has_the_id_that_git_gives_it(engine).await;
    commits::every_sort_of_entry_survives(engine).await;
    commits::names_with_dots_spaces_and_letters_of_any_script_are_ordinary(engine).await;
    commits::steps_apply_in_order(engine).await;
    commits::a_file_and_a_folder_never_share_a_name(engine).await;
    commits::what_is_not_there_cannot_be_deleted_or_copied(engine).await;
    commits::a_refused_commit_leaves_everything_as_it_was(engine).await;
    commits::folders_vanish_with_their_last_file(engine).await;
    commits::changes_that_change_nothing_make_no_commit(engine).await;
    commits::files_and_folders_are_copied_within_and_across_commits(engine).await;
    commits::equal_content_has_an_equal_tree_whatever_its_history(engine).await;
    commits::the_same_operation_twice_is_one_commit(engine).await;
    commits::a_concluded_operation_never_commits(engine).await;
    commits::an_expected_parent_must_be_the_tip(engine).await;
    commits::what_does_not_exist_is_named(engine).await;
    commits::a_deleted_repository_takes_no_late_commit(engine).await;
    commits::repositories_do_not_see_each_other(engine).await;
    listing::entries_answer_in_the_order_of_the_question(engine).await;
    listing::every_page_size_lists_the_same(engine).await;
    listing::a_flat_folder_of_thousands_is_listed_in_gits_order(engine).await;
    listing::deep_folders_are_ordinary(engine).await;
    listing::a_file_or_nothing_is_no_folder(engine).await;
    listing::folder_sizes_are_sums_as_readers_find_them(engine).await;
    listing::contents_name_every_blob_that_history_keeps(engine).await;
    history::the_log_lists_the_latest_first_in_pages_of_any_size(engine).await;
    history::the_log_of_a_branch_leaves_other_branches_out(engine).await;
    history::commits_of_one_second_are_in_order(engine).await;
    history::last_commits_know_files_and_folders(engine).await;
    history::a_difference_applied_to_the_one_gives_the_other(engine).await;
    history::differences_page_like_one_page(engine).await;
    refs::a_revision_is_resolved_in_the_promised_order(engine).await;
    refs::an_unborn_branch_is_listed_and_not_resolved(engine).await;
    refs::refs_are_listed_by_name_below_a_prefix(engine).await;
    refs::refs_move_all_together_or_not_at_all(engine).await;
    refs::a_ref_cannot_be_a_folder_of_another(engine).await;
    refs::an_annotated_tag_has_an_object_and_a_commit(engine).await;
    refs::branches_and_proposals_take_commits(engine).await;
    random::random_commits_agree_with_the_model(engine).await;
    concurrency::committers_without_expectation_all_get_through(engine).await;
    concurrency::committers_with_one_expectation_have_one_winner(engine).await;
    concurrency::committers_who_try_again_lose_nothing(engine).await;
    concurrency::one_operation_from_many_sides_is_one_commit(engine).await;
    concurrency::conclusion_and_commit_agree_whoever_comes_first(engine).await;
    concurrency::one_of_many_makers_of_a_ref_wins(engine).await;
    if engine.git().is_some() {
        fetching::a_clone_brings_all_that_refs_lead_to_and_nothing_else(engine).await;
        fetching::a_fetch_brings_what_is_new_and_nothing_else(engine).await;
        fetching::a_reader_of_a_growing_history_is_always_whole(engine).await;
        fetching::a_change_in_a_large_folder_is_told_as_the_change(engine).await;
        fetching::a_filter_leaves_blobs_or_trees_out_and_nothing_that_is_named(engine).await;
        fetching::a_history_is_cut_off_deepened_and_made_whole_again(engine).await;
        fetching::a_history_is_cut_off_at_a_moment_or_at_a_commit(engine).await;
        fetching::tags_come_with_the_commits_that_they_point_at(engine).await;
        fetching::what_two_sides_have_in_common_is_known(engine).await;
        fetching::objects_are_found_in_their_own_repository_alone(engine).await;
    }
    if engine.git().is_some_and(|git| git.pushes().is_some()) {
        pushing::what_is_pushed_keeps_its_bytes_and_is_read_like_a_commit(engine).await;
        pushing::a_push_that_lacks_something_is_refused_with_its_name(engine).await;
        pushing::a_push_moves_all_refs_or_none(engine).await;
        pushing::a_push_keeps_the_promises_of_a_commit(engine).await;
        pushing::merges_that_were_pushed_are_counted_like_any_history(engine).await;
    }
    if engine.rewriting().is_some() {
        rewriting::a_merge_brings_what_the_other_side_changed(engine).await;
        rewriting::a_branch_that_is_only_ahead_is_merged_by_a_commit_of_two_parents(engine).await;
        rewriting::what_both_sides_changed_is_a_conflict_unless_a_strategy_decides(engine).await;
        rewriting::a_squashed_merge_has_one_parent(engine).await;
        rewriting::histories_that_began_apart_are_merged_over_nothing(engine).await;
        rewriting::a_revert_undoes_one_commit(engine).await;
        rewriting::a_merge_is_reverted_against_the_parent_that_is_named(engine).await;
        rewriting::a_squash_leaves_one_commit_and_forgets_no_other(engine).await;
        rewriting::a_reset_is_a_new_commit_with_an_old_tree(engine).await;
        rewriting::a_rewriting_commit_keeps_the_promises_of_a_commit(engine).await;
        rewriting::random_merges_agree_with_the_rule(engine).await;
        rewriting::merges_beside_commits_all_get_through(engine).await;
    }
    if engine.relocation().is_some() {
        relocation::what_is_taken_in_answers_as_before(engine).await;
        relocation::commits_and_tags_of_elsewhere_keep_their_bytes(engine).await;
        relocation::what_cannot_be_taken_in_leaves_nothing(engine).await;
        relocation::a_withdrawn_repository_may_begin_again(engine).await;
    }
    upkeep::what_is_whole_is_said_to_be_whole(engine).await;
    upkeep::a_sweep_takes_only_what_nobody_keeps(engine).await;
    upkeep::commits_beside_sweeps_are_whole(engine).await;
}

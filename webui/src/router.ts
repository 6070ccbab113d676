/** URLs name the place: `/mail/inbox`, `/mail/inbox/T123`. A Mailbox goes by its role, or by its id. */

import { createRouter, createWebHistory } from "vue-router";

import MailView from "./views/MailView.vue";

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/mail/:mailbox/:thread?", name: "mail", component: MailView },
    { path: "/:rest(.*)*", redirect: { name: "mail", params: { mailbox: "inbox" } } },
  ],
});
